// The ranks of a gang, as threads that speak TCP on the loopback interface.

#include "gang.h"

#include <gtest/gtest.h>

#include <future>

#include "free_port.h"

namespace spillway::trainer {
namespace {

GangConfig config(int rank, int world_size, const std::string& port, std::int64_t attempt = 1) {
  GangConfig made{.place = {.rank = rank, .world_size = world_size},
                  .attempt = AttemptNumber(attempt),
                  .host = "127.0.0.1",
                  .port = port};
  made.rendezvous_timeout = std::chrono::seconds(20);
  made.peer_timeout = std::chrono::seconds(20);
  return made;
}

bool never() {
  return false;
}

Result<std::string> concatenate(const std::vector<std::string>& all) {
  std::string joined;
  for (const std::string& one : all)
    joined += one;
  return joined;
}

std::future<Result<std::string>> brings(const GangConfig& config, const std::string& what,
                                        int meetings = 1) {
  return std::async(std::launch::async, [=]() -> Result<std::string> {
    TRY(gang, Gang::join(config, never));
    std::string taken;
    for (int i = 0; i < meetings; ++i) {
      TRY(got, gang.meet(Occasion::kStep, what, concatenate));
      taken += got;
    }
    return taken;
  });
}

TEST(Gang, combines_in_the_order_of_ranks_and_all_take_the_same_away) {
  const std::string port = free_port();
  auto last = brings(config(2, 3, port), "c", 2);
  auto first = brings(config(0, 3, port), "a", 2);
  auto second = brings(config(1, 3, port), "b", 2);
  for (auto* rank : {&first, &second, &last}) {
    const auto taken = rank->get();
    ASSERT_TRUE(taken) << taken.error().message;
    EXPECT_EQ(*taken, "abcabc");
  }
}

TEST(Gang, of_one_meets_alone) {
  const auto taken = brings(config(0, 1, ""), "a").get();
  ASSERT_TRUE(taken) << taken.error().message;
  EXPECT_EQ(*taken, "a");
}

TEST(Gang, messages_larger_than_what_sockets_hold_arrive) {
  const std::string port = free_port();
  const std::string large(std::size_t{8} << 20U, 'x');
  auto first = brings(config(0, 2, port), large);
  auto second = brings(config(1, 2, port), large);
  const auto taken = first.get();
  ASSERT_TRUE(taken) << taken.error().message;
  EXPECT_EQ(taken->size(), 2 * large.size());
  EXPECT_EQ(second.get().value_or(""), *taken);
}

TEST(Gang, a_rank_of_another_attempt_is_turned_away) {
  const std::string port = free_port();
  auto first = brings(config(0, 2, port, 2), "new ");
  GangConfig zombie = config(1, 2, port, 1);
  zombie.rendezvous_timeout = std::chrono::seconds(1);
  const auto turned_away = brings(zombie, "old ").get();
  ASSERT_FALSE(turned_away);
  EXPECT_EQ(turned_away.error().code, ErrorCode::kTimeout);
  auto second = brings(config(1, 2, port, 2), "new ");
  const auto taken = first.get();
  ASSERT_TRUE(taken) << taken.error().message;
  EXPECT_EQ(*taken, "new new ");
}

TEST(Gang, a_rank_that_ends_is_lost_to_the_others) {
  const std::string port = free_port();
  auto first = brings(config(0, 2, port), "a", 2);
  auto second = brings(config(1, 2, port), "b", 1);  // and is gone
  EXPECT_TRUE(second.get());
  const auto taken = first.get();
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, ErrorCode::kUnavailable);
}

TEST(Gang, a_rank_that_falls_silent_is_lost_after_the_peer_timeout) {
  const std::string port = free_port();
  GangConfig impatient = config(0, 2, port);
  impatient.peer_timeout = std::chrono::seconds(1);
  auto first = brings(impatient, "a");
  const auto second = Gang::join(config(1, 2, port), never);  // connected, and says nothing
  ASSERT_TRUE(second) << second.error().message;
  const auto taken = first.get();
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, ErrorCode::kUnavailable);
}

TEST(Gang, waiting_for_the_others_ends_when_told_to) {
  for (const int rank : {0, 1}) {
    const auto joined = Gang::join(config(rank, 2, free_port()), [] { return true; });
    ASSERT_FALSE(joined);
    EXPECT_EQ(joined.error().code, ErrorCode::kCancelled);
  }
}

TEST(Gang, an_error_of_combining_is_that_of_rank_0) {
  auto gang = Gang::join(config(0, 1, ""), never);
  ASSERT_TRUE(gang);
  const auto met = gang->meet(Occasion::kStep, "", [](const auto&) -> Result<std::string> {
    return fail(ErrorCode::kInternal, "does not add up");
  });
  ASSERT_FALSE(met);
  EXPECT_EQ(met.error().message, "does not add up");
}

}  // namespace
}  // namespace spillway::trainer
