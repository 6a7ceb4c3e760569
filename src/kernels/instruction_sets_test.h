#pragma once

#include <gtest/gtest.h>

#include <string>

#include "kernels/instruction_set.h"

namespace tessera::kernels {

/// Runs a test once per instruction set that this machine has.
class EveryInstructionSet : public testing::TestWithParam<InstructionSet> {
 protected:
  void SetUp() override { use_instruction_set(GetParam()); }
  void TearDown() override { use_instruction_set(instruction_sets().back()); }
};

inline std::string instruction_set_name(const testing::TestParamInfo<InstructionSet>& info) {
  return name_of(info.param);
}

}  // namespace tessera::kernels
