#pragma once

namespace tessera {

/// Makes Ctrl-C (and SIGTERM) raise a flag that long loops read, instead of killing the program
/// half-way. A second Ctrl-C kills it.
void catch_interrupts();

/// True once the user has asked to stop.
bool interrupted();

/// Throws Interrupted if the user has asked to stop; for loops that have nothing to save.
void stop_if_interrupted();

}  // namespace tessera
