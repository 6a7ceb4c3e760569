#pragma once

namespace tessera {

/// Makes Ctrl-C, SIGTERM and SIGHUP (a terminal or a connection that closes; not under nohup) raise
/// a flag that long loops read, instead of killing the program half-way. A second signal kills it.
void catch_interrupts();

/// True once the user has asked to stop.
bool interrupted();

/// Throws Interrupted if the user has asked to stop; for loops that have nothing to save.
void stop_if_interrupted();

}  // namespace tessera
