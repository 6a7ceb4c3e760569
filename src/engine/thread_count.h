#pragma once

namespace tessera {

/// Threads to run: as asked, or (0) one for each core that this process may use. Throws Error for a
/// negative number.
int thread_count(int asked);

}  // namespace tessera
