// For tests only: runs the program as a shell does.
#pragma once

#include <sys/wait.h>

#include <cstdlib>
#include <string>

#include "base/files.h"
#include "base/testing.h"

namespace tessera {

struct Outcome {
  int code = 0;
  std::string out, err;
};

// Runs a shell command in which "tessera" is the program under test.
inline Outcome shell(const std::string& command, const TemporaryFolder& folder) {
  const auto out = (folder / "stdout").string(), err = (folder / "stderr").string();
  const std::string script = "tessera() { '" TESSERA_PROGRAM "' \"$@\"; }; cd '" +
                             (folder / ".").string() + "'; " + command;
  write_file(folder / "script.sh", script);
  const int status = std::system(
      ("bash '" + (folder / "script.sh").string() + "' >'" + out + "' 2>'" + err + "'").c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(out), read_file(err)};
}

}  // namespace tessera
