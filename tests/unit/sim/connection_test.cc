#include <optional>

#include <spillway/sim/connection.h>

#include "server_fixture.h"

namespace spillway::sim {
namespace {

using std::chrono::seconds;

class ConnectionTest : public ServerTest {
 protected:
  Task<void> request(kube::Method method, std::string target, json body) {
    kube::HttpRequest asked{.method = method,
                            .target = std::move(target),
                            .content_type = "application/json",
                            .body = body.dump()};
    answer = co_await connection.send(std::move(asked), time.monotonic() + seconds(30));
  }
  void create(const std::string& name) {
    group.spawn(
        request(kube::Method::kPost, std::string(kPodsPath) + "?fieldManager=test", pod(name)));
    time.run_for(seconds(60));
  }
  Task<void> read_watch(std::string query) {
    auto opened = co_await connection.open({.target = std::string(kPodsPath) + "?watch=1&" + query},
                                           time.monotonic() + seconds(30));
    while (opened && opened->lines) {
      auto line = co_await opened->lines->next(MonotonicTime::max());
      if (!line) {
        watch_error = line.error().code;
        break;
      }
      if (!*line) break;
      heard.push_back(json::parse(**line)["type"]);
    }
    watch_ended = true;
  }
  void fate_of_writes(Fate fate) {
    connection.set_faults({.on_request = [fate](const RequestSeen& seen) {
      return RequestFate{.fate = seen.write > 0 ? fate : Fate::kServed};
    }});
  }
  void TearDown() override {  // whatever still waits comes to its end
    timers.kill();
    connection.close();
    time.run_for(seconds(1));
  }
  bool exists(const std::string& name) {
    return get(std::string(kPodsPath) + "/" + name).status == 200;
  }

  ProcessTimers timers{time};
  bool died = false;
  Connection connection{time, timers, server, {}, [this] {
                          died = true;
                          timers.kill();
                          connection.close();
                        }};
  TaskGroup group{time.executor(), timers};
  std::optional<Result<kube::HttpResponse>> answer;
  std::vector<std::string> heard;
  std::optional<ErrorCode> watch_error;
  bool watch_ended = false;
};

TEST_F(ConnectionTest, a_request_takes_its_time_there_and_back) {
  group.spawn(
      request(kube::Method::kPost, std::string(kPodsPath) + "?fieldManager=test", pod("a")));
  time.run_for(std::chrono::milliseconds(1));
  EXPECT_TRUE(exists("a"));
  EXPECT_FALSE(answer.has_value());
  time.run_for(std::chrono::milliseconds(1));
  ASSERT_TRUE(answer && *answer);
  EXPECT_EQ((**answer).status, 201);
  ASSERT_EQ(connection.writes().size(), 1U);
  EXPECT_EQ(connection.writes()[0].status, 201);
}

TEST_F(ConnectionTest, a_lost_answer_leaves_the_outcome_unknown) {
  fate_of_writes(Fate::kAnswerLost);
  create("a");
  EXPECT_EQ(answer->error().code, ErrorCode::kUnknownOutcome);
  EXPECT_TRUE(exists("a"));
}

TEST_F(ConnectionTest, a_lost_request_looks_the_same_and_did_nothing) {
  fate_of_writes(Fate::kLost);
  create("a");
  EXPECT_EQ(answer->error().code, ErrorCode::kUnknownOutcome);
  EXPECT_FALSE(exists("a"));
}

TEST_F(ConnectionTest, a_process_that_dies_before_sending_did_nothing) {
  fate_of_writes(Fate::kDieBeforeSend);
  create("a");
  EXPECT_TRUE(died);
  EXPECT_FALSE(exists("a"));
  EXPECT_EQ(group.running(), 0U);
}

TEST_F(ConnectionTest, a_process_that_dies_after_sending_did_it) {
  fate_of_writes(Fate::kDieAfterSend);
  create("a");
  EXPECT_TRUE(died);
  EXPECT_TRUE(exists("a"));
}

TEST_F(ConnectionTest, a_process_that_dies_after_the_reply_sends_nothing_more) {
  fate_of_writes(Fate::kDieAfterReply);
  create("a");
  EXPECT_TRUE(died);
  EXPECT_TRUE(answer && *answer);
  create("b");
  EXPECT_EQ(answer->error().code, ErrorCode::kCancelled);
  EXPECT_FALSE(exists("b"));
}

TEST_F(ConnectionTest, a_watch_gets_events_bookmarks_and_its_end) {
  group.spawn(read_watch("allowWatchBookmarks=true&timeoutSeconds=100&resourceVersion=" +
                         std::to_string(server.store().version())));
  time.run_for(seconds(1));
  post(kPodsPath, pod("a"));
  time.run_for(seconds(200));
  EXPECT_EQ(heard, (std::vector<std::string>{"ADDED", "BOOKMARK"}));
  EXPECT_TRUE(watch_ended);
  EXPECT_FALSE(watch_error.has_value());
}

TEST_F(ConnectionTest, events_can_be_dropped_doubled_and_overtaken) {
  connection.set_faults({.on_event = [](const std::string&, const WatchFrame& frame) {
    if (frame.key.name == ObjectName("dropped")) return EventFate{.drop = true};
    if (frame.key.name == ObjectName("late"))
      return EventFate{.delay = seconds(5), .may_be_overtaken = true};
    return EventFate{.copies = frame.type == "DELETED" ? 2 : 1};
  }});
  group.spawn(
      read_watch("timeoutSeconds=100&resourceVersion=" + std::to_string(server.store().version())));
  time.run_for(seconds(1));
  for (const char* name : {"dropped", "late", "a"})
    post(kPodsPath, pod(name));
  remove(std::string(kPodsPath) + "/a");
  time.run_for(seconds(1));
  EXPECT_EQ(heard, (std::vector<std::string>{"ADDED", "DELETED", "DELETED"}));
  time.run_for(seconds(10));
  EXPECT_EQ(heard.size(), 4U);
}

TEST_F(ConnectionTest, a_broken_stream_is_an_error_and_a_killed_process_ends_its_own) {
  group.spawn(read_watch("timeoutSeconds=100"));
  time.run_for(seconds(1));
  connection.break_streams();
  time.run_for(seconds(1));
  EXPECT_EQ(watch_error, ErrorCode::kUnavailable);
  watch_ended = false;
  group.spawn(read_watch("timeoutSeconds=100"));
  time.run_for(seconds(1));
  timers.kill();
  connection.close();
  time.settle();
  EXPECT_TRUE(watch_ended);
  EXPECT_EQ(watch_error, ErrorCode::kCancelled);
}

}  // namespace
}  // namespace spillway::sim
