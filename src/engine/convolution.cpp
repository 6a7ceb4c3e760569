#include "engine/convolution.h"

#include "base/error.h"
#include "engine/one_dnn.h"

namespace tessera {
namespace {

using dnnl::memory;

memory::desc weights_by_row(const ConvolutionShape& shape, memory::data_type type,
                            memory::format_tag layout) {
  return {{shape.outputs, shape.inputs, shape.kernel_rows, shape.kernel_columns}, type, layout};
}

dnnl::convolution_forward::primitive_desc describe(const ConvolutionShape& shape) {
  const auto type = one_dnn_type(shape.type);
  const auto nhwc = memory::format_tag::nhwc;
  const int input_rows = shape.rows + shape.kernel_rows - 1;
  const int input_columns = shape.columns + shape.kernel_columns - 1 - shape.left - shape.right;
  const memory::desc input({1, shape.inputs, input_rows, input_columns}, type, nhwc);
  const memory::desc output({1, shape.outputs, shape.rows, shape.columns},
                            shape.float_output ? memory::data_type::f32 : type, nhwc);
  const memory::desc bias({shape.outputs}, memory::data_type::f32, memory::format_tag::a);
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (shape.accumulate) {
    dnnl::post_ops add;
    add.append_sum(1.0f);
    attributes.set_post_ops(add);
  }
  return describe_primitive<dnnl::convolution_forward>(
      attributes, dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, input,
      weights_by_row(shape, type, memory::format_tag::any), bias, output, memory::dims{1, 1},
      memory::dims{0, shape.left}, memory::dims{0, shape.right});
}

}  // namespace

struct Convolution::Primitive {
  dnnl::convolution_forward::primitive_desc description;
  dnnl::convolution_forward code;
  memory weights, bias;  // empty until they are loaded
  dnnl::stream stream{processor_engine()};

  void pack(memory from) {
    memory packed(description.weights_desc(), processor_engine());
    dnnl::reorder(from, packed).execute(stream, from, packed);
    weights = packed;
  }
};

Convolution::Convolution() = default;
Convolution::~Convolution() = default;
Convolution::Convolution(Convolution&&) noexcept = default;

std::size_t ConvolutionShape::input_bytes() const {
  const MapShape slab{rows + kernel_rows - 1, columns + kernel_columns - 1 - left - right, inputs};
  return slab.size() * size_of(type);
}

std::size_t ConvolutionShape::output_bytes() const {
  return MapShape{rows, columns, outputs}.size() * (float_output ? sizeof(float) : size_of(type));
}

void Convolution::prepare(const ConvolutionShape& shape) {
  const OneThread one_thread;
  if (!primitive_) primitive_ = std::make_unique<Primitive>();
  auto& [description, code, weights, bias, stream] = *primitive_;
  shape_ = shape;
  description = describe(shape);
  code = dnnl::convolution_forward(description);
  if (weights && weights.get_desc() != description.weights_desc()) primitive_->pack(weights);
}

void Convolution::load(const float* weights, std::span<const float> bias) {
  TESSERA_CHECK(primitive_ && bias.size() == static_cast<std::size_t>(shape_.outputs));
  const OneThread one_thread;
  // oneDNN's memory is not const, but a source is only read.
  const auto plain = weights_by_row(shape_, memory::data_type::f32, memory::format_tag::oihw);
  primitive_->pack(memory(plain, processor_engine(), const_cast<float*>(weights)));
  primitive_->bias = memory(primitive_->description.bias_desc(), processor_engine());
  std::copy(bias.begin(), bias.end(), static_cast<float*>(primitive_->bias.get_data_handle()));
}

std::size_t Convolution::weight_bytes() const {
  return primitive_->description.weights_desc().get_size();
}

std::size_t Convolution::scratch_bytes() const {
  return primitive_->description.scratchpad_desc().get_size();
}

std::string Convolution::implementation() const { return primitive_->description.impl_info_str(); }

void Convolution::run(const std::byte* input, std::byte* output, std::byte* scratch) const {
  const OneThread one_thread;
  const auto& [description, code, weights, bias, stream] = *primitive_;
  const auto& engine = processor_engine();
  code.execute(
      stream,
      {{DNNL_ARG_SRC, memory(description.src_desc(), engine, const_cast<std::byte*>(input))},
       {DNNL_ARG_WEIGHTS, weights},
       {DNNL_ARG_BIAS, bias},
       {DNNL_ARG_DST, memory(description.dst_desc(), engine, output)},
       {DNNL_ARG_SCRATCHPAD, memory(description.scratchpad_desc(), engine, scratch)}});
}

}  // namespace tessera
