#include "save_requests.h"

#include <algorithm>

#include <spillway/api/agent_protocol.h>
#include <spillway/core/text.h>
#include <nlohmann/json.hpp>

namespace spillway::agent {
namespace {

using nlohmann::json;
namespace protocol = api::agent;

ServerAnswer sentence(int status, const std::string& text) {
  const json body{{"message", text}};
  return {.status = status, .body = body.dump() + "\n"};
}

// Takes as long for a wrong token as for the right one.
bool same_secret(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const char other = b.empty() ? '\0' : b[i % b.size()];
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(other);
  }
  return difference == 0;
}

bool good_id(std::string_view id) {
  return !id.empty() && id.size() <= 128 && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
  });
}

Result<std::string> text_of(const json& document, const char* name) {
  const auto found = document.find(name);
  if (found == document.end() || !found->is_string()) {
    return invalid("'" + std::string(name) + "' has to be a text");
  }
  return found->get<std::string>();
}

struct Asked {
  SaveRequest request;
  AttemptNumber attempt;
};

Result<Asked> parse_request(std::string_view body, Instant now) {
  const json document = json::parse(body, nullptr, false);
  if (!document.is_object()) return invalid("the body has to be a JSON object");
  TRY(id, text_of(document, "id"));
  if (!good_id(id)) return invalid("'id' is 1 to 128 of letters, digits, '-', '.' and '_'");
  TRY(deadline_text, text_of(document, "deadline"));
  TRY(deadline, parse_instant(deadline_text));
  const auto attempt = document.find("attempt");
  if (attempt == document.end() || !attempt->is_number_integer()) {
    return invalid("'attempt' has to be a whole number");
  }
  Asked asked{.request = {.id = std::move(id), .deadline = deadline, .received_at = now},
              .attempt = AttemptNumber(attempt->get<std::int64_t>())};
  if (auto reason = text_of(document, "reason")) asked.request.reason = shorten(*reason, 200);
  return asked;
}

double seconds(Duration duration) {
  return static_cast<double>(duration.count()) / 1000.0;
}

json request_json(const SaveRequest& request) {
  json out{{"id", request.id},
           {"state", to_string(request.state)},
           {"receivedAt", format_instant(request.received_at)}};
  if (!request.message.empty()) out["message"] = request.message;
  return out;
}

json saved_json(const SavedCheckpoint& saved) {
  json out{{"step", saved.step.value()},
           {"uri", saved.uri},
           {"bytes", saved.bytes.value()},
           {"savedAt", format_instant(saved.saved_at)},
           {"uploadSeconds", seconds(saved.upload_time)}};
  if (saved.save_time) out["saveSeconds"] = seconds(*saved.save_time);
  return out;
}

Answered take(const ServerRequest& request, AgentStatus& status, Instant now) {
  auto asked = parse_request(request.body, now);
  if (!asked) return {.answer = sentence(400, asked.error().message)};
  if (asked->attempt != status.attempt) {
    return {.answer =
                sentence(409, "this pod is of attempt " + std::to_string(status.attempt.value()))};
  }
  const bool known = status.request && status.request->id == asked->request.id;
  if (!known) status.request = std::move(asked->request);
  return {.answer = {.status = 202, .body = status_json(status)}, .changed = !known};
}

}  // namespace

std::string_view to_string(RequestState state) {
  switch (state) {
    case RequestState::kReceived: return protocol::request_state::kReceived;
    case RequestState::kSaving: return protocol::request_state::kSaving;
    case RequestState::kUploading: return protocol::request_state::kUploading;
    case RequestState::kSaved: return protocol::request_state::kSaved;
    case RequestState::kFailed: break;
  }
  return protocol::request_state::kFailed;
}

std::string status_json(const AgentStatus& status) {
  json out{{"attempt", status.attempt.value()}, {"rank", status.rank}};
  if (status.request) out["request"] = request_json(*status.request);
  if (status.saved) out["saved"] = saved_json(*status.saved);
  return out.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

Answered answer_request(const ServerRequest& request, const Secret& token, AgentStatus& status,
                        Instant now) {
  const bool save = request.path == protocol::kSavePath;
  if (!save && request.path != protocol::kStatusPath) {
    return {.answer = sentence(404, "there are " + std::string(protocol::kSavePath) + " and " +
                                        std::string(protocol::kStatusPath))};
  }
  if (!same_secret(request.authorization, "Bearer " + token.reveal())) {
    return {.answer = sentence(401, "the token is not that of this job")};
  }
  if (request.method != (save ? "POST" : "GET")) {
    return {.answer = sentence(405, save ? "only POST is answered here" : "only GET is")};
  }
  if (save) return take(request, status, now);
  return {.answer = {.status = 200, .body = status_json(status)}};
}

}  // namespace spillway::agent
