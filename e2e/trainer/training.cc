#include "training.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <thread>

#include "journal.h"

namespace spillway::trainer {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

enum Wish : std::uint32_t { kNothing = 0, kSave = 1, kEnd = 2 };

// What every rank brings to a step, before its gradient, and takes away, before the sum.
struct StepNote {
  std::int64_t step = 0;
  std::uint32_t wishes = kNothing;
  float loss = 0;
};

std::string pack(const StepNote& note, std::span<const float> values) {
  std::string bytes(sizeof note + values.size_bytes(), '\0');
  std::memcpy(bytes.data(), &note, sizeof note);
  std::memcpy(bytes.data() + sizeof note, values.data(), values.size_bytes());
  return bytes;
}

struct Unpacked {
  StepNote note;
  std::vector<float> values;
};
Result<Unpacked> unpack(std::string_view bytes, std::size_t parameters) {
  Unpacked made;
  if (bytes.size() != sizeof made.note + parameters * sizeof(float))
    return fail(ErrorCode::kInternal, "a rank has a model of another size");
  std::memcpy(&made.note, bytes.data(), sizeof made.note);
  made.values.resize(parameters);
  std::memcpy(made.values.data(), bytes.data() + sizeof made.note, parameters * sizeof(float));
  return made;
}

// In the order of ranks, always: the sum of floats depends on it.
Result<std::string> add_up(const std::vector<std::string>& all, std::size_t parameters) {
  TRY(sum, unpack(all.front(), parameters));
  for (std::size_t rank = 1; rank < all.size(); ++rank) {
    TRY(theirs, unpack(all[rank], parameters));
    if (theirs.note.step != sum.note.step)
      return fail(ErrorCode::kInternal, "rank " + std::to_string(rank) + " is at step " +
                                            std::to_string(theirs.note.step) + ", rank 0 at " +
                                            std::to_string(sum.note.step));
    sum.note.wishes |= theirs.note.wishes;
    sum.note.loss += theirs.note.loss;
    for (std::size_t i = 0; i < parameters; ++i)
      sum.values[i] += theirs.values[i];
  }
  return pack(sum.note, sum.values);
}

// The newest step that every rank can read; "" when there is none.
Result<std::string> newest_common(const std::vector<std::string>& all) {
  json common = json::parse(all.front());
  for (const std::string& text : all) {
    const json theirs = json::parse(text);
    json both = json::array();
    for (const json& step : common) {
      if (std::ranges::find(theirs, step) != theirs.end()) both.push_back(step);
    }
    common = std::move(both);
  }
  return common.empty() ? std::string() : common.back().dump();
}

Result<std::string> as_list(const std::vector<std::string>& all) {
  std::string bytes;
  for (const std::string& one : all) {
    const std::uint64_t length = one.size();
    bytes.append(reinterpret_cast<const char*>(&length), sizeof length);
    bytes += one;
  }
  return bytes;
}

Result<void> merge_all(State& state, std::string_view list, int world_size) {
  for (int rank = 0; rank < world_size; ++rank) {
    std::uint64_t length = 0;
    if (list.size() < sizeof length) return fail(ErrorCode::kInternal, "a shard is missing");
    std::memcpy(&length, list.data(), sizeof length);
    list.remove_prefix(sizeof length);
    if (length > list.size()) return fail(ErrorCode::kInternal, "a shard is cut");
    const Place place{.rank = rank, .world_size = world_size};
    TRY(shard, parse_shard(list.substr(0, length), state.weights.size(), place));
    merge(state, shard, share(state.weights.size(), place));
    list.remove_prefix(length);
  }
  return {};
}

Result<std::string> nothing(const std::vector<std::string>& /*all*/) {
  return std::string();
}

class Loop {
 public:
  Loop(const TrainingConfig& config, Gang& gang, Shelf& shelf, HttpTrigger* trigger)
      : config_(config), gang_(gang), shelf_(shelf), trigger_(trigger), model_(config.shape) {}

  Result<Ending> run() {
    TRY_VOID(resume());
    while (state_.step < config_.total) {
      const auto began = Clock::now();
      TRY(wishes, step());
      const bool due = state_.step.value() % config_.interval == 0 || state_.step == config_.total;
      if (due || wishes != kNothing) TRY_VOID(save(due ? "interval" : "request"));
      if ((wishes & kEnd) != 0 && state_.step < config_.total) return Ending::kTold;
      std::this_thread::sleep_until(began + config_.step_time);
    }
    journal("finished", {{"step", state_.step.value()}, {"sha256", fingerprint(state_)}});
    return Ending::kFinished;
  }

 private:
  Result<void> resume() {
    state_ = model_.initial_state();
    TRY(have, shelf_.steps());
    json steps = json::array();
    for (const Step step : have)
      steps.push_back(step.value());
    TRY(agreed, gang_.meet(Occasion::kResume, steps.dump(), newest_common));
    if (agreed.empty() && !config_.resume_step) {
      journal("started", {{"step", 0}});
      return {};
    }
    const Step from = agreed.empty() ? Step(-1) : Step(std::stoll(agreed));
    if (config_.resume_step && from != *config_.resume_step)
      return fail(ErrorCode::kNotFound, "this attempt has to resume from step " +
                                            std::to_string(config_.resume_step->value()) +
                                            ", but the newest that all ranks have is " +
                                            (agreed.empty() ? "none" : agreed));
    TRY(mine, shelf_.read(from));
    TRY(all, gang_.meet(Occasion::kShards, std::move(mine), as_list));
    TRY_VOID(merge_all(state_, all, config_.place.world_size));
    if (state_.step != from)
      return fail(ErrorCode::kInternal, "the checkpoint of step " + agreed + " holds step " +
                                            std::to_string(state_.step.value()));
    journal("started", {{"step", state_.step.value()}, {"sha256", fingerprint(state_)}});
    return {};
  }

  // Returns what any of the ranks wishes.
  Result<std::uint32_t> step() {
    const Gradient mine = model_.gradient(state_, config_.place.rank);
    const StepNote note{.step = state_.step.value(), .wishes = own_wishes(), .loss = mine.loss};
    const std::size_t parameters = model_.parameters();
    TRY(bytes, gang_.meet(Occasion::kStep, pack(note, mine.values),
                          [&](const auto& all) { return add_up(all, parameters); }));
    TRY(sum, unpack(bytes, parameters));
    model_.apply(state_, sum.values, config_.place.world_size);
    if (state_.step.value() % config_.journal_every == 0) {
      const auto samples =
          static_cast<float>(config_.shape.batch) * static_cast<float>(config_.place.world_size);
      journal("step", {{"step", state_.step.value()}, {"loss", sum.note.loss / samples}});
    }
    return sum.note.wishes;
  }

  std::uint32_t own_wishes() {
    std::uint32_t wishes = kNothing;
    if (take_save_signal()) {
      journal("save_requested", {{"by", "signal"}, {"step", state_.step.value()}});
      wishes |= kSave;
    }
    if (trigger_ != nullptr && trigger_->take_save_request()) wishes |= kSave;
    if (told_to_end()) wishes |= kEnd;
    return wishes;
  }

  Result<void> save(const char* why) {
    const auto began = Clock::now();
    std::string bytes = write_shard(state_, config_.place);
    const auto size = static_cast<std::int64_t>(bytes.size());
    TRY_VOID(shelf_.write(state_.step, std::move(bytes)));
    TRY(unused, gang_.meet(Occasion::kSaved, "", nothing));
    TRY_VOID(shelf_.commit(state_.step));
    if (trigger_ != nullptr) trigger_->saved(state_.step, size);
    const std::chrono::duration<double> took = Clock::now() - began;
    journal(
        "saved",
        {{"step", state_.step.value()}, {"why", why}, {"bytes", size}, {"seconds", took.count()}});
    return {};
  }

  const TrainingConfig& config_;
  Gang& gang_;
  Shelf& shelf_;
  HttpTrigger* trigger_;
  Model model_;
  State state_;
};

}  // namespace

Result<Ending> train(const TrainingConfig& config, Gang& gang, Shelf& shelf, HttpTrigger* trigger) {
  return Loop(config, gang, shelf, trigger).run();
}

}  // namespace spillway::trainer
