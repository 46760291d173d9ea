#include "model.h"

#include <array>
#include <cmath>

namespace spillway::trainer {
namespace {

constexpr std::size_t kInputs = 32;
constexpr float kRate = 0.01F;
constexpr float kMomentum = 0.9F;

// The splitmix64 generator: its n-th number is computed, not drawn, so that a sample depends on its
// number alone.
std::uint64_t scrambled(std::uint64_t number) {
  std::uint64_t z = number * 0x9E3779B97F4A7C15ULL;
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31U);
}

// In [-1, 1), from the upper 24 bits: every value is exact as a float.
float uniform(std::uint64_t number) {
  return static_cast<float>(scrambled(number) >> 40U) / static_cast<float>(1U << 23U) - 1.0F;
}

struct Sample {
  std::array<float, kInputs> input{};
  float target = 0;
};

Sample sample(std::uint64_t number) {
  Sample made;
  float sum = 0;
  for (std::size_t i = 0; i < kInputs; ++i) {
    made.input[i] = uniform((number + 1) * kInputs + i);
    sum += made.input[i] * (i % 2 == 0 ? 1.0F : -0.5F);
  }
  made.target = std::sin(sum / 4);  // nearly linear: a few hundred steps show progress
  return made;
}

}  // namespace

// In this order: weights of the hidden layer by unit, its biases, weights of the output, its bias.
std::size_t Model::parameters() const {
  return shape_.hidden * (kInputs + 2) + 1;
}

State Model::initial_state() const {
  State state;
  state.weights.resize(parameters());
  state.momentum.assign(parameters(), 0.0F);
  const float scale = 1.0F / std::sqrt(static_cast<float>(kInputs));
  const float output_scale = 1.0F / std::sqrt(static_cast<float>(shape_.hidden));
  const std::size_t output = shape_.hidden * (kInputs + 1);
  for (std::size_t i = 0; i < state.weights.size(); ++i)
    state.weights[i] = uniform(i) * (i < output ? scale : output_scale);
  return state;
}

Gradient Model::gradient(const State& state, int rank) const {
  const std::span<const float> weights = state.weights;
  const auto hidden_weights = weights.first(shape_.hidden * kInputs);
  const auto biases = weights.subspan(hidden_weights.size(), shape_.hidden);
  const auto output_weights = weights.subspan(hidden_weights.size() + shape_.hidden, shape_.hidden);
  const float output_bias = weights.back();
  const std::size_t biases_at = hidden_weights.size();
  const std::size_t output_at = biases_at + shape_.hidden;

  Gradient made;
  made.values.assign(parameters(), 0.0F);
  std::vector<float> activation(shape_.hidden);
  for (std::size_t i = 0; i < shape_.batch; ++i) {
    const auto step = static_cast<std::uint64_t>(state.step.value());
    const Sample s = sample(((step << 8U) + static_cast<std::uint64_t>(rank)) * shape_.batch + i);
    float output = output_bias;
    for (std::size_t unit = 0; unit < shape_.hidden; ++unit) {
      float sum = biases[unit];
      for (std::size_t k = 0; k < kInputs; ++k)
        sum += hidden_weights[unit * kInputs + k] * s.input[k];
      activation[unit] = std::tanh(sum);
      output += output_weights[unit] * activation[unit];
    }
    const float error = output - s.target;
    made.loss += error * error;
    made.values.back() += error;
    for (std::size_t unit = 0; unit < shape_.hidden; ++unit) {
      made.values[output_at + unit] += error * activation[unit];
      const float slope = 1.0F - activation[unit] * activation[unit];
      const float back = error * output_weights[unit] * slope;
      made.values[biases_at + unit] += back;
      for (std::size_t k = 0; k < kInputs; ++k)
        made.values[unit * kInputs + k] += back * s.input[k];
    }
  }
  return made;
}

void Model::apply(State& state, std::span<const float> sum, int world_size) const {
  const float samples = static_cast<float>(shape_.batch) * static_cast<float>(world_size);
  for (std::size_t i = 0; i < state.weights.size(); ++i) {
    state.momentum[i] = kMomentum * state.momentum[i] + sum[i] / samples;
    state.weights[i] -= kRate * state.momentum[i];
  }
  state.step = Step(state.step.value() + 1);
}

}  // namespace spillway::trainer
