#pragma once
// A small neural network that is fitted to a known function, and data that is a function of its
// number. All arithmetic is in a fixed order: the same step from the same weights gives the same
// bits, whoever computed what came before. Pure.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <spillway/core/strong.h>

namespace spillway::trainer {

using Step = StrongInt<struct StepTag>;  // optimizer steps done, from 0

struct ModelShape {
  std::size_t hidden = 1024;  // units of the one hidden layer
  std::size_t batch = 16;     // samples of one rank in one step
  friend bool operator==(const ModelShape&, const ModelShape&) = default;
};

// What training changes: weights and the optimizer's momentum, one number for each weight.
struct State {
  Step step;
  std::vector<float> weights;
  std::vector<float> momentum;
  friend bool operator==(const State&, const State&) = default;
};

struct Gradient {
  std::vector<float> values;  // summed over the samples
  float loss = 0;             // summed over the samples
};

class Model {
 public:
  explicit Model(ModelShape shape) : shape_(shape) {}

  [[nodiscard]] std::size_t parameters() const;
  [[nodiscard]] State initial_state() const;
  // Over the samples that belong to `rank` in the step after `state`.
  [[nodiscard]] Gradient gradient(const State& state, int rank) const;
  // One step of gradient descent with momentum; `sum` is over the samples of all ranks.
  void apply(State& state, std::span<const float> sum, int world_size) const;

 private:
  ModelShape shape_;
};

}  // namespace spillway::trainer
