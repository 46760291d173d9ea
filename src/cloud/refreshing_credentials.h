#pragma once
// Credentials with an end, renewed before it: the part that web identity and the container endpoint
// share.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <spillway/async/timers.h>
#include <spillway/cloud/credentials.h>

namespace spillway::cloud {

class CredentialsSource {
 public:
  virtual ~CredentialsSource() = default;
  virtual Task<Result<Credentials>> fetch() = 0;
};

class RefreshingCredentials final : public CredentialsProvider {
 public:
  RefreshingCredentials(Runtime runtime, std::unique_ptr<CredentialsSource> source)
      : runtime_(std::move(runtime)), source_(std::move(source)) {}
  Task<Result<Credentials>> get() override;

 private:
  class Refresh;
  [[nodiscard]] const Credentials* usable() const;  // nullptr when there are none in force
  Task<Result<Credentials>> refresh();
  void keep(Credentials fresh);

  Runtime runtime_;
  std::unique_ptr<CredentialsSource> source_;
  std::optional<Credentials> current_;
  Instant refresh_at_{};  // also the earliest next try after a failed one
  bool refreshing_ = false;
  std::vector<std::shared_ptr<Signal>> waiting_;  // for the refresh under way
};

// One value on one line, of at most 64 KiB: a projected token.
Result<Secret> read_token_file(const std::string& path);

}  // namespace spillway::cloud
