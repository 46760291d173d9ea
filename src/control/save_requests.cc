#include <spillway/control/save_requests.h>

#include <algorithm>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>

#include <spillway/api/agent_protocol.h>

namespace spillway::control {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxAnswer = std::size_t{64} << 10;

// What an agent says of itself; anything that does not fit is left out.
struct AgentWord {
  std::string state;
  std::string message;
  std::optional<api::StepNumber> saved;
};

std::optional<AgentWord> read_status(const std::string& body, const std::string& id) {
  const json status = json::parse(body, nullptr, false);
  if (!status.is_object()) return std::nullopt;
  AgentWord word;
  const json request = status.value("request", json::object());
  if (request.is_object() && request.value("id", json()) == id) {
    const json state = request.value("state", json());
    const json message = request.value("message", json());
    if (state.is_string()) word.state = state.get<std::string>();
    if (message.is_string()) word.message = message.get<std::string>();
  }
  const json saved = status.value("saved", json::object());
  if (saved.is_object()) {
    const json step = saved.value("step", json());
    if (step.is_number_integer()) word.saved = api::StepNumber(step.get<std::int64_t>());
  }
  return word;
}

}  // namespace

struct SaveRequests::Order {
  SaveOrder order;
  MonotonicTime since{};
  bool in_force = true;
  std::map<Uid, Shared> deliveries;  // by pod
};

struct SaveRequests::Delivery {
  std::shared_ptr<Order> order;
  SaveOrder::Pod pod;
  std::unique_ptr<Timer> timer;
  bool delivered = false;
  std::optional<api::StepNumber> answered;
  std::optional<api::StepNumber> step;
  std::string trouble;
};

SaveRequests::SaveRequests(Runtime runtime, TaskGroup& tasks, cloud::HttpClient& http,
                           std::function<void()> changed, Options options)
    : runtime_(std::move(runtime)),
      tasks_(tasks),
      http_(http),
      changed_(std::move(changed)),
      options_(options) {}

void SaveRequests::want(std::vector<SaveOrder> orders) {
  std::set<Uid> wanted;
  for (SaveOrder& next : orders) {
    wanted.insert(next.job);
    std::shared_ptr<Order>& order = orders_[next.job];
    if (order != nullptr && order->order.id != next.id) {
      order->in_force = false;
      order = nullptr;
    }
    if (order == nullptr) {
      order = std::make_shared<Order>();
      order->since = runtime_.clock.monotonic();
    }
    order->order = std::move(next);
    begin(order);
  }
  std::erase_if(orders_, [&](const auto& entry) {
    if (wanted.contains(entry.first)) return false;
    entry.second->in_force = false;
    for (const auto& [pod, delivery] : entry.second->deliveries)
      delivery->timer->cancel();
    return true;
  });
}

void SaveRequests::record(const Uid& job, const std::string& id) {
  const auto at = orders_.find(job);
  if (at == orders_.end() || at->second->order.id != id || at->second->order.recorded) return;
  at->second->order.recorded = true;
  begin(at->second);
}

// Asks the pods that are not being asked yet.
void SaveRequests::begin(const std::shared_ptr<Order>& order) {
  if (!order->order.recorded || stopping_) return;
  for (const SaveOrder::Pod& pod : order->order.pods) {
    Shared& delivery = order->deliveries[pod.uid];
    if (delivery != nullptr) continue;
    delivery = std::make_shared<Delivery>();
    delivery->order = order;
    delivery->pod = pod;
    delivery->timer = runtime_.timers.make();
    tasks_.spawn(deliver(delivery));
  }
}

void SaveRequests::stop() {
  stopping_ = true;
  want({});
}

SaveProgress SaveRequests::progress(const Uid& job, const std::string& id) const {
  SaveProgress progress;
  const auto at = orders_.find(job);
  if (at == orders_.end() || at->second->order.id != id) return progress;
  progress.pods = at->second->order.pods.size();
  std::size_t answers = 0;
  for (const auto& [pod, delivery] : at->second->deliveries) {
    if (delivery->delivered) ++progress.delivered;
    if (const auto& answered = delivery->answered) {
      ++answers;
      progress.answered = std::min(progress.answered.value_or(*answered), *answered);
    }
    if (const auto& step = delivery->step)
      progress.step = std::max(progress.step.value_or(*step), *step);
    if (!delivery->trouble.empty()) progress.trouble = delivery->trouble;
  }
  // What one rank saved is no checkpoint yet.
  if (answers < progress.pods) progress.answered.reset();
  return progress;
}

bool SaveRequests::over(const Delivery& delivery) const {
  return stopping_ || !delivery.order->in_force ||
         runtime_.clock.now() >= delivery.order->order.deadline;
}

Task<void> SaveRequests::deliver(Shared delivery) {
  Duration delay = options_.retry_base;
  while (!over(*delivery) && !co_await post(delivery)) {
    co_await pause(delivery, delay);
    delay = std::min(delay * 2, options_.retry_cap);
  }
  if (delivery->delivered && delivery->order->order.agent) co_await follow(delivery);
}

Task<bool> SaveRequests::post(Shared delivery) {
  ++metrics_.sent;
  const auto answer = co_await exchange(delivery, true);
  const bool taken = answer && answer->status >= 200 && answer->status < 300;
  if (taken) {
    delivery->delivered = true;
    delivery->trouble.clear();
    metrics_.delivery.add(runtime_.clock.monotonic() - delivery->order->since);
  } else {
    ++metrics_.failed;
    delivery->trouble =
        answer ? "a pod refused the request to save with status " + std::to_string(answer->status)
               : "a pod could not be asked to save: " + answer.error().message;
  }
  changed_();
  co_return taken;
}

Task<void> SaveRequests::follow(Shared delivery) {
  while (!over(*delivery)) {
    co_await pause(delivery, options_.ask_again);
    if (over(*delivery)) co_return;
    const auto answer = co_await exchange(delivery, false);
    if (!answer || answer->status != 200) continue;  // it was delivered; the store is the judge
    const auto word = read_status(answer->body, delivery->order->order.id);
    if (!word) continue;
    delivery->step = word->saved;
    if (word->state == api::agent::request_state::kFailed) {
      delivery->trouble = "a pod could not save: " + word->message;
      changed_();
      co_return;
    }
    if (word->state != api::agent::request_state::kSaved) continue;
    delivery->answered = word->saved;
    changed_();
    co_return;
  }
}

Task<Result<cloud::HttpResponse>> SaveRequests::exchange(Shared delivery, bool save) {
  const SaveOrder& order = delivery->order->order;
  cloud::HttpRequest request{.method = save ? "POST" : "GET",
                             .url = save ? delivery->pod.save : delivery->pod.status,
                             .headers = {{"Authorization", "Bearer " + order.token.reveal()}},
                             .max_response_bytes = kMaxAnswer};
  if (save) {
    request.headers.push_back({"Content-Type", "application/json"});
    request.body = json{
        {"id", order.id},
        {"attempt", order.attempt.value()},
        {"deadline", format_instant(order.deadline)},
        {"reason",
         order.reason}}.dump();
  }
  co_await enter();
  auto answer = co_await http_.send(std::move(request), options_.request_timeout);
  leave();
  co_return answer;
}

Task<void> SaveRequests::pause(Shared delivery, Duration time) {
  co_await delivery->timer->wait_until(runtime_.clock.monotonic() + time);
}

Task<void> SaveRequests::enter() {
  while (in_flight_ >= options_.max_in_flight) {
    const auto turn = runtime_.timers.make();
    waiting_.push_back(turn.get());
    co_await turn->wait_until(MonotonicTime::max());
    std::erase(waiting_, turn.get());
  }
  ++in_flight_;
}

void SaveRequests::leave() {
  --in_flight_;
  if (waiting_.empty()) return;
  Timer* next = waiting_.front();
  waiting_.erase(waiting_.begin());
  next->cancel();
}

}  // namespace spillway::control
