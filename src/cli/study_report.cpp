#include <iostream>

#include "cli/command.h"
#include "plotting/plotting_library.h"
#include "study/report.h"

namespace tessera::cli {

void add_study_report(CLI::App& study) {
  auto folder = std::make_shared<std::string>();
  auto* command =
      add_command(study, "report", "one offline page of a study, report.html, and figures/*.svg",
                  "tessera study report runs/study");
  command->add_option("study", *folder, "the study's folder, with results.json")->required();
  command->callback([folder] {
    write_study_report(*folder, {plotting_library(), plotting_license()});
    std::cout << "The report is "
              << fs::absolute(fs::path(*folder) / "report.html").lexically_normal().string()
              << "\n";
  });
}

}  // namespace tessera::cli
