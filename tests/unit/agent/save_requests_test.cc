#include "save_requests.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace spillway::agent {
namespace {

using nlohmann::json;

const Secret kToken("job-token");
const Instant kNow = parse_instant("2026-11-21T12:00:00Z").value();

class SaveRequests : public ::testing::Test {
 protected:
  Answered ask(json body, const std::string& token = "job-token") {
    return answer_request({.method = "POST",
                           .path = "/v1/save",
                           .authorization = "Bearer " + token,
                           .body = body.dump()},
                          kToken, status_, kNow);
  }
  static json good(const std::string& id = "3-1") {
    return {{"id", id},
            {"attempt", 3},
            {"deadline", "2026-11-21T12:02:00Z"},
            {"reason", "the node will go"}};
  }
  AgentStatus status_{.attempt = AttemptNumber(3), .rank = 1};
};

TEST_F(SaveRequests, are_taken_and_told) {
  const Answered answered = ask(good());
  EXPECT_EQ(answered.answer.status, 202);
  EXPECT_TRUE(answered.changed);
  const json body = json::parse(answered.answer.body);
  EXPECT_EQ(body["attempt"], 3);
  EXPECT_EQ(body["rank"], 1);
  EXPECT_EQ(body["request"],
            (json{{"id", "3-1"}, {"state", "Received"}, {"receivedAt", "2026-11-21T12:00:00Z"}}));
  EXPECT_EQ(status_.request->deadline, parse_instant("2026-11-21T12:02:00Z").value());
}

TEST_F(SaveRequests, of_the_same_id_are_one) {
  ask(good());
  status_.request->state = RequestState::kSaved;
  const Answered again = ask(good());
  EXPECT_FALSE(again.changed);
  EXPECT_EQ(json::parse(again.answer.body)["request"]["state"], "Saved");
  EXPECT_TRUE(ask(good("3-2")).changed);
  EXPECT_EQ(status_.request->id, "3-2");
}

TEST_F(SaveRequests, of_others_are_refused) {
  EXPECT_EQ(ask(good(), "job-tokem").answer.status, 401);
  EXPECT_EQ(ask(good(), "").answer.status, 401);
  EXPECT_EQ(ask(good(), "job-token ").answer.status, 401);
  json other = good();
  other["attempt"] = 2;
  EXPECT_EQ(ask(other).answer.status, 409);
  EXPECT_FALSE(status_.request);
}

TEST_F(SaveRequests, that_make_no_sense_are_explained) {
  for (const char* field : {"id", "attempt", "deadline"}) {
    json body = good();
    body.erase(field);
    const Answered answered = ask(body);
    EXPECT_EQ(answered.answer.status, 400) << field;
    EXPECT_FALSE(answered.changed);
  }
  EXPECT_EQ(ask(json::array()).answer.status, 400);
  EXPECT_EQ(ask(good("x\"y")).answer.status, 400);
}

TEST_F(SaveRequests, have_their_paths_and_methods) {
  const auto status = [&](const char* method, const char* path) {
    return answer_request({.method = method, .path = path, .authorization = "Bearer job-token"},
                          kToken, status_, kNow)
        .answer.status;
  };
  EXPECT_EQ(status("GET", "/v1/status"), 200);
  EXPECT_EQ(status("POST", "/v1/status"), 405);
  EXPECT_EQ(status("GET", "/v1/save"), 405);
  EXPECT_EQ(status("GET", "/"), 404);
}

TEST_F(SaveRequests, tell_what_was_saved) {
  status_.saved = SavedCheckpoint{.step = storage::TrainingStep(1200),
                                  .uri = "s3://b/x/",
                                  .bytes = Bytes(123),
                                  .saved_at = kNow,
                                  .save_time = std::chrono::milliseconds(3200),
                                  .upload_time = std::chrono::milliseconds(1100)};
  EXPECT_EQ(json::parse(status_json(status_))["saved"], (json{{"step", 1200},
                                                              {"uri", "s3://b/x/"},
                                                              {"bytes", 123},
                                                              {"savedAt", "2026-11-21T12:00:00Z"},
                                                              {"saveSeconds", 3.2},
                                                              {"uploadSeconds", 1.1}}));
}

}  // namespace
}  // namespace spillway::agent
