#pragma once

#include <map>
#include <string>

#include "study/report_input.h"

namespace tessera {

/// The element that shows what results/ID.json says, for each generator and tokenizer.
std::map<std::string, std::string> run_file_ids(const ReportInput& input);

/// A row's configuration, to unfold: settings, counts, and links to those elements.
std::string row_configuration(const StudyRow& row, const std::map<std::string, std::string>& files);

/// What results/ID.json says of each generator and tokenizer, to unfold one by one.
std::string run_files(const ReportInput& input);

}  // namespace tessera
