#pragma once

#include <vector>

#include "base/files.h"
#include "study/row.h"

namespace tessera {

/// Writes the rows as an SQLite file, whole or not at all, for whoever wants to ask questions of a
/// large study. Tables: rows (fields and metrics as columns; key run, point), settings (run, point,
/// key, value), sweeps (run, point, name), positions (run, point, position, nats).
void write_index(const fs::path& path, const std::vector<StudyRow>& rows);

}  // namespace tessera
