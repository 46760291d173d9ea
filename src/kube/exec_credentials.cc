#include "exec_credentials.h"

#include <nlohmann/json.hpp>

#include "child_process.h"
#include "json_reader.h"

namespace spillway::kube {

// One run of the plugin and everybody who waits for it.
struct ExecCredentials::Run {
  std::vector<std::shared_ptr<Signal>> waiters;
  std::optional<Error> error;
};

Result<ExecAnswer> parse_exec_answer(const std::string& output, const std::string& api_version) {
  const auto parsed = nlohmann::json::parse(output, nullptr, false);
  if (!parsed.is_object()) return invalid("the exec plugin has to print an ExecCredential as JSON");
  std::optional<Error> error;
  const JsonReader root(parsed, error);
  if (root.text("kind") != "ExecCredential" || root.text("apiVersion") != api_version) {
    return invalid("the exec plugin has to print an ExecCredential of " + api_version);
  }
  const JsonReader status = root.at("status");
  ExecAnswer answer{.token = Secret(std::string(status.text("token"))),
                    .client_certificate = std::string(status.text("clientCertificateData")),
                    .client_key = Secret(std::string(status.text("clientKeyData"))),
                    .expires_at = status.instant("expirationTimestamp")};
  if (error) return fail(error->in("the exec plugin's answer"));
  if (answer.client_certificate.empty() != answer.client_key.empty()) {
    return invalid("the exec plugin has to give clientCertificateData and clientKeyData together");
  }
  if (answer.token.empty() && answer.client_certificate.empty()) {
    return invalid("the exec plugin gave neither a token nor a client certificate");
  }
  return answer;
}

ExecCredentials::ExecCredentials(Runtime runtime, LocalSources sources, ExecPlugin plugin)
    : runtime_(runtime),
      local_(std::move(runtime), std::move(sources)),
      plugin_(std::move(plugin)),
      self_(std::make_shared<ExecCredentials*>(this)) {}

ExecCredentials::~ExecCredentials() {
  *self_ = nullptr;
}

bool ExecCredentials::valid() const {
  return answer_ && (!answer_->expires_at || runtime_.clock.now() < *answer_->expires_at);
}

void ExecCredentials::rejected() {
  answer_.reset();
  local_.rejected();
}

Task<Result<Access>> ExecCredentials::current() {
  if (!valid()) {
    if (run_ == nullptr) start();
    const std::shared_ptr<Run> run = run_;
    const auto waiter = std::make_shared<Signal>(runtime_.timers);
    run->waiters.push_back(waiter);
    co_await waiter->wait(MonotonicTime::max());  // bounded by the plugin's timeout
    if (const std::optional<Error> error = run->error; error) co_return fail(*error);
  }
  TRY_CO(access, local_.read_now());
  if (!answer_)
    co_return fail(ErrorCode::kUnavailable, "the exec plugin's credentials were refused");
  if (!answer_->token.empty()) access.authorization = Secret("Bearer " + answer_->token.reveal());
  if (!answer_->client_certificate.empty()) {
    if (tls_ == nullptr || local_tls_ != access.tls) {
      tls_ = std::make_shared<const TlsMaterial>(
          TlsMaterial{.ca = access.tls->ca,
                      .client_certificate = answer_->client_certificate,
                      .client_key = answer_->client_key});
      local_tls_ = access.tls;
    }
    access.tls = tls_;
  }
  co_return access;
}

void ExecCredentials::start() {
  run_ = std::make_shared<Run>();
  ChildProcess child{
      .command = {plugin_.command}, .environment = plugin_.environment, .timeout = plugin_.timeout};
  child.command.insert(child.command.end(), plugin_.arguments.begin(), plugin_.arguments.end());
  child.environment.emplace_back("KUBERNETES_EXEC_INFO", plugin_.info);
  thread_ = std::jthread([child = std::move(child), executor = runtime_.executor,
                          self = self_](const std::stop_token& stop) {
    Result<std::string> output = run(child, stop);
    if (stop.stop_requested()) return;
    asio::post(executor, [self, output = std::move(output)] {
      if (*self != nullptr) (*self)->finish(output);
    });
  });
}

void ExecCredentials::finish(Result<std::string> output) {
  const std::shared_ptr<Run> run = std::exchange(run_, nullptr);
  Result<ExecAnswer> answer = output ? parse_exec_answer(*output, plugin_.api_version)
                                     : tl::unexpected(std::move(output).error());
  if (answer) {
    answer_ = *std::move(answer);
    tls_.reset();
  } else {
    Error error = answer.error().in("exec plugin");
    if (!plugin_.install_hint.empty()) error.message += " (" + plugin_.install_hint + ")";
    run->error = std::move(error);
  }
  for (const auto& waiter : run->waiters)
    waiter->notify();
}

}  // namespace spillway::kube
