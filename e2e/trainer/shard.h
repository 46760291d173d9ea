#pragma once
// What one rank saves: its share of the weights and of the momentum, as a safetensors file
// (header length, JSON header, numbers; all little-endian). Pure.
//
// The parameters are cut into as many neighbouring shares as there are ranks, as optimizers that
// shard their state do: a checkpoint is complete only with the files of all ranks.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <spillway/core/result.h>

#include "model.h"

namespace spillway::trainer {

struct Place {
  int rank = 0;
  int world_size = 1;
};

struct Share {
  std::size_t begin = 0;
  std::size_t end = 0;
};
Share share(std::size_t parameters, const Place& place);

// "model-00002-of-00004.safetensors" of rank 1 of 4.
std::string shard_name(const Place& place);

std::string write_shard(const State& state, const Place& place);

struct Shard {
  Step step;
  std::vector<float> weights;
  std::vector<float> momentum;
};
// kInvalidArgument: not the shard of that place in a model with so many parameters.
Result<Shard> parse_shard(std::string_view bytes, std::size_t parameters, const Place& place);

// Puts a share into its place in `state`.
void merge(State& state, const Shard& shard, const Share& where);

// The weights as they are in memory: what runs are compared by.
std::string fingerprint(const State& state);

}  // namespace spillway::trainer
