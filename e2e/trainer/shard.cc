#include "shard.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>

#include <spillway/cloud/sigv4.h>

namespace spillway::trainer {
namespace {

using nlohmann::json;
static_assert(std::endian::native == std::endian::little, "floats are written as they are");

constexpr std::size_t kLengthBytes = 8;
constexpr std::size_t kMaxHeader = 1U << 16U;

std::string numbered(int value) {
  std::string digits = std::to_string(value);
  return std::string(5 - std::min<std::size_t>(5, digits.size()), '0') + digits;
}

std::string_view as_bytes(std::span<const float> values) {
  return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

json tensor(std::size_t count, std::size_t offset) {
  return {{"dtype", "F32"},
          {"shape", {count}},
          {"data_offsets", {offset, offset + count * sizeof(float)}}};
}

Result<std::vector<float>> numbers(const json& header, const char* name, std::string_view data,
                                   std::size_t count) {
  const auto wrong = [&] { return invalid(std::string("the tensor ") + name + " is not ours"); };
  const json offsets =
      header.value(json::json_pointer("/" + std::string(name) + "/data_offsets"), json::array());
  if (offsets.size() != 2 || !offsets[0].is_number_unsigned() || !offsets[1].is_number_unsigned())
    return wrong();
  const auto begin = offsets[0].get<std::size_t>();
  const auto end = offsets[1].get<std::size_t>();
  if (end < begin || end > data.size() || end - begin != count * sizeof(float)) return wrong();
  std::vector<float> values(count);
  std::memcpy(values.data(), data.data() + begin, end - begin);
  return values;
}

}  // namespace

Share share(std::size_t parameters, const Place& place) {
  const auto rank = static_cast<std::size_t>(place.rank);
  const auto ranks = static_cast<std::size_t>(place.world_size);
  return {.begin = parameters * rank / ranks, .end = parameters * (rank + 1) / ranks};
}

std::string shard_name(const Place& place) {
  return "model-" + numbered(place.rank + 1) + "-of-" + numbered(place.world_size) + ".safetensors";
}

std::string write_shard(const State& state, const Place& place) {
  const Share mine = share(state.weights.size(), place);
  const std::size_t count = mine.end - mine.begin;
  const json header = {{"__metadata__",
                        {{"step", std::to_string(state.step.value())},
                         {"rank", std::to_string(place.rank)},
                         {"world_size", std::to_string(place.world_size)}}},
                       {"weights", tensor(count, 0)},
                       {"momentum", tensor(count, count * sizeof(float))}};
  std::string text = header.dump();
  text.resize((text.size() + kLengthBytes - 1) / kLengthBytes * kLengthBytes, ' ');
  const std::uint64_t length = text.size();
  std::array<char, kLengthBytes> prefix{};
  std::memcpy(prefix.data(), &length, prefix.size());

  std::string bytes(prefix.data(), prefix.size());
  bytes += text;
  bytes += as_bytes(std::span(state.weights).subspan(mine.begin, count));
  bytes += as_bytes(std::span(state.momentum).subspan(mine.begin, count));
  return bytes;
}

Result<Shard> parse_shard(std::string_view bytes, std::size_t parameters, const Place& place) {
  std::uint64_t length = 0;
  if (bytes.size() < kLengthBytes) return invalid("the file is too short for a safetensors file");
  std::memcpy(&length, bytes.data(), kLengthBytes);
  if (length > kMaxHeader || length > bytes.size() - kLengthBytes)
    return invalid("the header of the safetensors file is longer than the file");
  const json header = json::parse(bytes.substr(kLengthBytes, length), nullptr, false);
  if (!header.is_object()) return invalid("the header of the safetensors file is no JSON object");

  const auto text = [&](const char* name) {
    const json found =
        header.value(json::json_pointer("/__metadata__/" + std::string(name)), json());
    return found.is_string() ? found.get<std::string>() : std::string();
  };
  if (text("rank") != std::to_string(place.rank) ||
      text("world_size") != std::to_string(place.world_size))
    return invalid("the file belongs to rank '" + text("rank") + "' of '" + text("world_size") +
                   "', not to rank " + std::to_string(place.rank) + " of " +
                   std::to_string(place.world_size));
  const std::string digits = text("step");
  std::int64_t step = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), step);
  if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size() || step < 0)
    return invalid("the file does not say its step");

  const Share mine = share(parameters, place);
  const std::string_view data = bytes.substr(kLengthBytes + length);
  TRY(weights, numbers(header, "weights", data, mine.end - mine.begin));
  TRY(momentum, numbers(header, "momentum", data, mine.end - mine.begin));
  return Shard{.step = Step(step), .weights = std::move(weights), .momentum = std::move(momentum)};
}

void merge(State& state, const Shard& shard, const Share& where) {
  const auto at = static_cast<std::ptrdiff_t>(where.begin);
  std::ranges::copy(shard.weights, state.weights.begin() + at);
  std::ranges::copy(shard.momentum, state.momentum.begin() + at);
  state.step = shard.step;
}

std::string fingerprint(const State& state) {
  return cloud::sha256_hex(as_bytes(state.weights));
}

}  // namespace spillway::trainer
