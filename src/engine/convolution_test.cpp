#include "engine/convolution.h"

#include <gtest/gtest.h>

#include "engine/aligned_buffer.h"
#include "engine/one_dnn.h"

namespace tessera {
namespace {

#if defined(__x86_64__)
TEST(Convolution, NeverFallsBackToTheReferenceCode) {
  std::vector<ActivationType> types = {ActivationType::float32};
  if (has_bf16()) types.push_back(ActivationType::bf16);
  for (const auto type : types)
    for (const auto& [inputs, outputs] :
         {std::pair{128, 128}, {512, 512}, {256, 128}, {512, 1536}, {32, 32}, {24, 96}, {128, 3}})
      for (const int kernel : {1, 2, 3})
        for (const int columns : {1, 5, 16, 256, 1024})
          for (const bool accumulate : {false, true}) {
            Convolution convolution;
            convolution.prepare({.inputs = inputs,
                                 .outputs = outputs,
                                 .kernel_rows = kernel,
                                 .kernel_columns = kernel,
                                 .left = kernel / 2,
                                 .right = (kernel - 1) / 2,
                                 .rows = 2,
                                 .columns = columns,
                                 .type = type,
                                 .float_output = outputs == 3,
                                 .accumulate = accumulate});
            EXPECT_EQ(convolution.implementation().find("ref"), std::string::npos)
                << convolution.implementation() << " for " << inputs << " to " << outputs << ", "
                << kernel << " x " << kernel << ", " << columns << " columns";
          }
}
#endif

// One input and output channel, weights 1 to 4 in a 2x2 kernel, a zero to the left.
TEST(Convolution, ComputesByHand) {
  Convolution convolution;
  convolution.prepare({.inputs = 1,
                       .outputs = 1,
                       .kernel_rows = 2,
                       .kernel_columns = 2,
                       .left = 1,
                       .rows = 1,
                       .columns = 2,
                       .accumulate = true});
  const float weights[] = {1, 2, 3, 4};
  const float bias[] = {100};
  convolution.load(weights, bias);
  alignas(64) const float input[] = {1, 10, 5, 7};  // two rows
  alignas(64) float output[] = {1000, 2000};
  const AlignedBuffer scratch(convolution.scratch_bytes());
  convolution.run(reinterpret_cast<const std::byte*>(input), reinterpret_cast<std::byte*>(output),
                  scratch.data());
  EXPECT_EQ(output[0], 1000 + 100 + 2 * 1 + 4 * 5);
  EXPECT_EQ(output[1], 2000 + 100 + 1 * 1 + 2 * 10 + 3 * 5 + 4 * 7);
}

}  // namespace
}  // namespace tessera
