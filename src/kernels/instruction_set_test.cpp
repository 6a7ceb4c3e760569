#include "kernels/instruction_set.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace tessera::kernels {
namespace {

TEST(InstructionSet, IsFoundByItsName) {
  for (const char* name : {"scalar", "sse4", "avx2", "avx512", "avx512bf16", "neon"}) {
    const auto set = find_instruction_set(name);
    ASSERT_TRUE(set.has_value()) << name;
    EXPECT_STREQ(name_of(*set), name);
  }
  for (const char* name : {"", "AVX2", "avx", "avx512 ", "sse4.2"})
    EXPECT_FALSE(find_instruction_set(name).has_value()) << name;
}

TEST(InstructionSet, ScalarIsAlwaysThereAndTheBestIsUsed) {
  const auto sets = instruction_sets();
  ASSERT_FALSE(sets.empty());
  EXPECT_EQ(sets.front(), InstructionSet::scalar);
  EXPECT_EQ(instruction_set(), sets.back());
  for (const auto set : {InstructionSet::sse4, InstructionSet::avx2, InstructionSet::avx512,
                         InstructionSet::avx512bf16, InstructionSet::neon})
    EXPECT_EQ(is_available(set), std::ranges::count(sets, set) == 1) << name_of(set);
}

TEST(InstructionSet, NoMachineHasBothArchitectures) {
  EXPECT_FALSE(is_available(InstructionSet::sse4) && is_available(InstructionSet::neon));
}

TEST(InstructionSet, StaysAsChosen) {
  for (const auto set : instruction_sets()) {
    use_instruction_set(set);
    EXPECT_EQ(instruction_set(), set);
  }
}

}  // namespace
}  // namespace tessera::kernels
