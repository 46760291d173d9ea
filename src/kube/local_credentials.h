#pragma once
// Credentials from this machine: literals of a kubeconfig, and files that are read again while we
// run, because tokens and certificates rotate.

#include <memory>
#include <optional>
#include <string>

#include <spillway/async/timers.h>
#include <spillway/kube/credentials.h>

namespace spillway::kube {

// Reads a small file; kInvalidArgument with its name when that is not possible.
Result<std::string> read_file(const std::string& path);

// A text that is given, or lies in a file. Both empty: there is none.
struct TextSource {
  std::string text;
  std::string path;
  [[nodiscard]] Result<std::string> read() const;
  [[nodiscard]] bool empty() const { return text.empty() && path.empty(); }
};

struct LocalSources {
  TextSource ca;
  TextSource client_certificate;
  TextSource client_key;
  TextSource token;      // a file wins over a literal
  std::string username;  // basic authentication, when there is no token
  Secret password;
};

class LocalCredentials final : public Credentials {
 public:
  LocalCredentials(Runtime runtime, LocalSources sources);

  Task<Result<Access>> current() override;
  void rejected() override { stale_ = true; }

  // What current() gives, without a coroutine.
  Result<Access> read_now();

 private:
  Result<Access> load() const;

  Runtime runtime_;
  LocalSources sources_;
  std::optional<Access> last_good_;
  MonotonicTime read_again_at_{};
  bool stale_ = false;
  bool complained_ = false;
};

}  // namespace spillway::kube
