#pragma once
// The operator's save request, and what is answered (api/agent_protocol.h). Pure.

#include <optional>
#include <string>
#include <string_view>

#include <spillway/core/ids.h>
#include <spillway/core/result.h>
#include <spillway/core/time.h>
#include <spillway/storage/layout.h>

#include "http_server.h"
#include "uploader.h"

namespace spillway::agent {

enum class RequestState { kReceived, kSaving, kUploading, kSaved, kFailed };
std::string_view to_string(RequestState state);

struct SaveRequest {
  std::string id;
  Instant deadline{};
  std::string reason;
  Instant received_at{};
  RequestState state = RequestState::kReceived;
  std::string message;
  [[nodiscard]] bool open() const {
    return state != RequestState::kSaved && state != RequestState::kFailed;
  }
};

struct SavedCheckpoint {
  storage::TrainingStep step;
  std::string uri;
  Bytes bytes;
  Instant saved_at{};
  std::optional<Duration> save_time;  // from the request to the finished files, where one was made
  Duration upload_time{};
};

struct AgentStatus {
  AttemptNumber attempt;
  int rank = 0;
  std::optional<SaveRequest> request;  // the latest
  std::optional<SavedCheckpoint> saved;
};

std::string status_json(const AgentStatus& status);

// Takes POST and GET; a new request is put into `status` and told by the return value's `changed`.
struct Answered {
  ServerAnswer answer;
  bool changed = false;
};
Answered answer_request(const ServerRequest& request, const Secret& token, AgentStatus& status,
                        Instant now);

}  // namespace spillway::agent
