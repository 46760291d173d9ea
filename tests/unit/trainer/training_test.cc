// Training as a whole, its ranks as threads: whatever interrupts it, the weights at the end are
// those of a run that nothing interrupted.

#include "training.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <map>
#include <mutex>

#include "free_port.h"

namespace spillway::trainer {
namespace {

constexpr ModelShape kShape{.hidden = 8, .batch = 4};

// A shelf in memory that can fail at a step, as a power cut would.
class MemoryShelf final : public Shelf {
 public:
  Result<std::vector<Step>> steps() override {
    std::vector<Step> found;
    found.reserve(shards.size());
    for (const auto& [step, bytes] : shards)
      found.push_back(step);
    return found;
  }
  Result<std::string> read(Step step) override { return shards.at(step); }
  Result<void> write(Step step, std::string bytes) override {
    if (step == cut_at) return fail(ErrorCode::kInternal, "power cut");
    shards[step] = std::move(bytes);
    return {};
  }
  Result<void> commit(Step /*step*/) override { return {}; }

  std::map<Step, std::string> shards;
  Step cut_at{-1};
};

using Shelves = std::array<MemoryShelf, 2>;

std::vector<Result<Ending>> run(Shelves& shelves, std::int64_t steps,
                                std::optional<Step> resume = std::nullopt) {
  static std::int64_t attempt = 0;
  ++attempt;
  const std::string port = free_port();
  std::vector<std::future<Result<Ending>>> ranks;
  ranks.reserve(2);
  for (int rank = 0; rank < 2; ++rank) {
    ranks.push_back(std::async(std::launch::async, [&, rank, port]() -> Result<Ending> {
      const Place place{.rank = rank, .world_size = 2};
      GangConfig config{
          .place = place, .attempt = AttemptNumber(attempt), .host = "127.0.0.1", .port = port};
      config.peer_timeout = std::chrono::seconds(20);
      TRY(gang, Gang::join(config, [] { return false; }));
      const TrainingConfig training{.shape = kShape,
                                    .place = place,
                                    .total = Step(steps),
                                    .interval = 5,
                                    .journal_every = 1000,
                                    .resume_step = resume};
      return train(training, gang, shelves.at(static_cast<std::size_t>(rank)), nullptr);
    }));
  }
  std::vector<Result<Ending>> endings;
  endings.reserve(ranks.size());
  for (auto& rank : ranks)
    endings.push_back(rank.get());
  return endings;
}

State final_state(const Shelves& shelves, std::int64_t step) {
  State state = Model(kShape).initial_state();
  for (int rank = 0; rank < 2; ++rank) {
    const Place place{.rank = rank, .world_size = 2};
    const auto shard = parse_shard(shelves.at(static_cast<std::size_t>(rank)).shards.at(Step(step)),
                                   state.weights.size(), place);
    EXPECT_TRUE(shard);
    if (shard) merge(state, *shard, share(state.weights.size(), place));
  }
  return state;
}

bool finished(const std::vector<Result<Ending>>& endings) {
  return std::ranges::all_of(endings, [](const auto& e) { return e && *e == Ending::kFinished; });
}

TEST(Training, the_loss_falls) {
  const Model model({.hidden = 32, .batch = 64});
  State state = model.initial_state();
  const auto loss = [&] { return model.gradient(state, 0).loss / 64; };
  const float at_first = loss();
  for (int i = 0; i < 300; ++i)
    model.apply(state, model.gradient(state, 0).values, 1);
  EXPECT_LT(loss(), at_first / 2);
}

TEST(Training, samples_differ_by_rank_and_by_step) {
  const Model model(kShape);
  State state = model.initial_state();
  const auto first = model.gradient(state, 0).values;
  EXPECT_NE(first, model.gradient(state, 1).values);
  state.step = Step(1);
  EXPECT_NE(first, model.gradient(state, 0).values);
}

TEST(Training, interrupted_anywhere_it_ends_with_the_same_bits) {
  Shelves undisturbed;
  ASSERT_TRUE(finished(run(undisturbed, 40)));
  const State expected = final_state(undisturbed, 40);
  ASSERT_EQ(expected.step, Step(40));

  for (const int cut : {5, 10, 20, 35, 40}) {
    for (const std::size_t rank : {0U, 1U}) {
      Shelves shelves;
      shelves.at(rank).cut_at = Step(cut);  // the other rank has saved this step, or not
      const auto ended = run(shelves, 40);
      EXPECT_FALSE(ended.at(rank));
      EXPECT_FALSE(ended.at(1 - rank)) << "a rank alone goes on";
      shelves.at(rank).cut_at = Step(-1);
      ASSERT_TRUE(finished(run(shelves, 40)));
      EXPECT_EQ(final_state(shelves, 40), expected) << "cut at " << cut << ", rank " << rank;
    }
  }
}

TEST(Training, resumes_from_the_newest_step_that_all_ranks_have) {
  Shelves shelves;
  shelves[1].cut_at = Step(20);
  run(shelves, 40);
  EXPECT_EQ(shelves[1].shards.rbegin()->first, Step(15));
  ASSERT_TRUE(finished(run(shelves, 15)));  // nothing left to do: it was at 15
  EXPECT_LE(shelves[0].shards.rbegin()->first, Step(20));
}

TEST(Training, computes_nothing_when_the_step_it_has_to_resume_from_is_not_there) {
  Shelves shelves;
  ASSERT_TRUE(finished(run(shelves, 10)));
  const auto before = shelves[0].shards;
  const auto ended = run(shelves, 40, Step(15));
  for (const auto& ending : ended)
    ASSERT_FALSE(ending);
  EXPECT_EQ(ended.front().error().code, ErrorCode::kNotFound);
  EXPECT_EQ(shelves[0].shards, before);

  Shelves empty;
  EXPECT_FALSE(run(empty, 40, Step(10)).front());
  EXPECT_TRUE(empty[0].shards.empty());
}

}  // namespace
}  // namespace spillway::trainer
