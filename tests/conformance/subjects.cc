#include "subjects.h"

#include <map>
#include <optional>
#include <stdexcept>

#include <spillway/api/schema.h>
#include <spillway/core/check.h>
#include <spillway/kube/beast_transport.h>
#include <spillway/kube/config.h>
#include <spillway/sim/api_server.h>
#include <spillway/sim/virtual_time.h>

#include "comparison.h"

namespace spillway::conformance {
namespace {

using nlohmann::json;

// How long a watch may take to say what it has to say, and after how long it has no more to say.
constexpr Duration kPatience = std::chrono::seconds(10);
constexpr Duration kSilence = std::chrono::milliseconds(400);

class ModelSubject final : public Subject {
 public:
  Reply ask(const kube::HttpRequest& request) override {
    const kube::HttpResponse response = server_.handle(request);
    return {.status = response.status, .body = json::parse(response.body)};
  }
  Reply watch(const kube::HttpRequest& request, const Wanted& /*all at once*/) override {
    json frames = json::array();
    const auto opened = server_.open(request, [&frames](const sim::WatchFrame& frame) {
      frames.push_back(json::parse(frame.line));
    });
    server_.close(opened.id);
    if (opened.id == 0)
      return {.status = opened.head.status, .body = json::parse(opened.head.body)};
    return {.status = opened.head.status, .body = std::move(frames)};
  }

 private:
  asio::io_context io_;
  sim::VirtualTime time_{io_};
  std::unique_ptr<Random> random_ = make_random(1);
  sim::ApiServer server_{time_, *random_};
};

class RealSubject final : public Subject {
 public:
  explicit RealSubject(const std::string& kubeconfig) {
    auto config = kube::load_kubeconfig({.paths = kubeconfig}, runtime_);
    if (!config) throw std::runtime_error(config.error().message);
    transport_ = kube::make_beast_transport(runtime_, config->server, config->credentials,
                                            {.user_agent = "conformance"});
    install<api::CapacityPool>();
    install<api::TrainingJob>();
    install<api::InferencePool>();
    install<api::CostPolicy>();
  }
  ~RealSubject() override {
    transport_->close();
    io_.restart();
    io_.poll();
  }
  RealSubject(const RealSubject&) = delete;
  RealSubject& operator=(const RealSubject&) = delete;

  Reply ask(const kube::HttpRequest& request) override {
    std::optional<Reply> reply;
    asio::co_spawn(io_, exchange(request, reply), asio::detached);
    return outcome_of(reply);
  }
  Reply watch(const kube::HttpRequest& request, const Wanted& wanted) override {
    std::optional<Reply> reply;
    asio::co_spawn(io_, stream(request, wanted, reply), asio::detached);
    return outcome_of(reply);
  }

 private:
  MonotonicTime deadline() { return clock_->monotonic() + std::chrono::seconds(30); }

  Task<void> exchange(kube::HttpRequest request, std::optional<Reply>& reply) {
    auto answer = co_await transport_->send(std::move(request), deadline());
    if (answer)
      reply = Reply{.status = answer->status, .body = json::parse(answer->body, nullptr, false)};
    else
      reply = Reply{.status = 0, .body = answer.error().message};
  }
  Task<void> stream(kube::HttpRequest request, Wanted wanted, std::optional<Reply>& reply) {
    auto answer = co_await transport_->open(std::move(request), deadline());
    if (!answer) {
      reply = Reply{.status = 0, .body = answer.error().message};
      co_return;
    }
    if (!answer->lines) {
      reply = Reply{.status = answer->head.status,
                    .body = json::parse(answer->head.body, nullptr, false)};
      co_return;
    }
    json frames = json::array();
    std::size_t said = 0;
    while (true) {
      const Duration patience = said < wanted.frames ? kPatience : kSilence;
      auto line = co_await answer->lines->next(clock_->monotonic() + patience);
      if (!line) break;  // silence
      const std::optional<std::string>& text = *line;
      if (!text) break;  // its end
      frames.push_back(json::parse(*text));
      if (wanted.counts(frames.back())) ++said;
    }
    reply = Reply{.status = answer->head.status, .body = std::move(frames)};
  }
  Reply outcome_of(const std::optional<Reply>& reply) {
    io_.restart();
    while (!reply && io_.run_one() > 0) {
    }
    if (!reply) throw std::runtime_error("a request has neither an answer nor an error");
    return *reply;
  }

  template <class Kind>
  void install() {
    const auto pod_template = nlohmann::ordered_json::parse(pod_template_text());
    const json definition = json::parse(api::custom_resource_definition<Kind>(pod_template).dump());
    const std::string path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    const Reply made = ask({.method = kube::Method::kPost,
                            .target = path,
                            .content_type = "application/json",
                            .body = definition.dump()});
    if (made.status != 201 && made.status != 409)
      throw std::runtime_error("installing a CRD: " + made.body.dump());
    const std::string resource =
        "/apis/spillway.dev/v1alpha1/" + std::string(api::kResource<Kind>.plural);
    for (int tries = 0; ask({.target = resource}).status != 200; ++tries) {
      if (tries > 500) throw std::runtime_error("the API server does not serve " + resource);
      const auto timer = timers_->make();
      bool over = false;
      asio::co_spawn(
          io_,
          [](Timer& pause, MonotonicTime until, bool& done) -> Task<void> {
            co_await pause.wait_until(until);
            done = true;
          }(*timer, clock_->monotonic() + std::chrono::milliseconds(50), over),
          asio::detached);
      io_.restart();
      while (!over && io_.run_one() > 0) {
      }
    }
  }
  static std::string pod_template_text();

  asio::io_context io_;
  std::unique_ptr<Clock> clock_ = make_system_clock();
  std::unique_ptr<Timers> timers_ = make_system_timers(io_.get_executor());
  std::unique_ptr<Random> random_ = make_random(1);
  Runtime runtime_{
      .executor = io_.get_executor(), .clock = *clock_, .timers = *timers_, .random = *random_};
  std::unique_ptr<kube::Transport> transport_;
};

std::string RealSubject::pod_template_text() {
  const std::string path = std::string(SPILLWAY_SOURCE_DIR) + "/src/api/pod_template_schema.json";
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) throw std::runtime_error("cannot read " + path);
  std::string text;
  char buffer[1 << 16];
  for (std::size_t read = 0; (read = std::fread(buffer, 1, sizeof buffer, file)) > 0;)
    text.append(buffer, read);
  std::fclose(file);
  return text;
}

// "${step.field}" with what that step answered.
std::string filled_in(std::string text, const std::map<std::string, Reply>& answers) {
  for (std::size_t at = text.find("${"); at != std::string::npos; at = text.find("${")) {
    const std::size_t end = text.find('}', at);
    const std::size_t dot = text.rfind('.', end);
    const json& metadata = answers.at(text.substr(at + 2, dot - at - 2)).body.at("metadata");
    const std::string field = text.substr(dot + 1, end - dot - 1);
    const std::string value = metadata.value(field == "version" ? "resourceVersion" : field, "");
    text.replace(at, end - at + 1, field == "continue" ? kube::percent_encode(value) : value);
  }
  return text;
}

Wanted wanted_of(const Step& step, const std::vector<Reply>& like, std::size_t number) {
  Wanted wanted{.counts = [](const json&) { return true; }};
  if (step.among_others) wanted.counts = counts_frame;
  if (number >= like.size() || !like[number].body.is_array()) return wanted;
  for (const json& frame : like[number].body) {
    if (wanted.counts(frame)) ++wanted.frames;
  }
  return wanted;
}

}  // namespace

std::unique_ptr<Subject> model_subject() {
  return std::make_unique<ModelSubject>();
}
std::unique_ptr<Subject> real_subject(const std::string& kubeconfig) {
  return std::make_unique<RealSubject>(kubeconfig);
}

std::vector<Reply> run(Subject& subject, const std::vector<Step>& steps,
                       const std::vector<Reply>& like) {
  std::vector<Reply> replies;
  std::map<std::string, Reply> by_name;
  for (const Step& step : steps) {
    kube::HttpRequest request{.method = step.method,
                              .target = filled_in(step.target, by_name),
                              .content_type = step.content_type};
    if (!step.body.is_null()) request.body = filled_in(step.body.dump(), by_name);
    replies.push_back(step.watch ? subject.watch(request, wanted_of(step, like, replies.size()))
                                 : subject.ask(request));
    by_name[step.name] = replies.back();
  }
  return replies;
}

}  // namespace spillway::conformance
