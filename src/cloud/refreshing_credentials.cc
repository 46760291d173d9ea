#include "refreshing_credentials.h"

#include <algorithm>
#include <fstream>

#include <spillway/core/text.h>

namespace spillway::cloud {
namespace {

constexpr std::size_t kMaxTokenBytes = 64 * 1024;
constexpr Duration kRetryPause = std::chrono::seconds(30);
constexpr Duration kLongestWait = std::chrono::minutes(2);

}  // namespace

// Says that a refresh is under way, and wakes everybody however it ends.
class RefreshingCredentials::Refresh {
 public:
  explicit Refresh(RefreshingCredentials& owner) : owner_(owner) { owner_.refreshing_ = true; }
  Refresh(const Refresh&) = delete;
  Refresh& operator=(const Refresh&) = delete;
  ~Refresh() {
    owner_.refreshing_ = false;
    for (const auto& waiter : std::exchange(owner_.waiting_, {}))
      waiter->notify();
  }

 private:
  RefreshingCredentials& owner_;
};

const Credentials* RefreshingCredentials::usable() const {
  if (!current_) return nullptr;
  const bool over = current_->expires_at && *current_->expires_at <= runtime_.clock.now();
  return over ? nullptr : &*current_;
}

Task<Result<Credentials>> RefreshingCredentials::get() {
  const Credentials* known = usable();
  if (known != nullptr && (refreshing_ || runtime_.clock.now() < refresh_at_)) co_return *known;
  if (refreshing_) {
    const auto done = std::make_shared<Signal>(runtime_.timers);
    waiting_.push_back(done);
    co_await done->wait(runtime_.clock.monotonic() + kLongestWait);
    if (const Credentials* renewed = usable()) co_return *renewed;
    co_return fail(ErrorCode::kUnauthorized, "the cloud credentials could not be renewed");
  }
  co_return co_await refresh();
}

Task<Result<Credentials>> RefreshingCredentials::refresh() {
  const Refresh under_way(*this);
  Result<Credentials> fresh = co_await source_->fetch();
  if (fresh) {
    keep(*fresh);
    co_return fresh;
  }
  refresh_at_ = runtime_.clock.now() + kRetryPause;
  if (const Credentials* old = usable()) co_return *old;
  co_return fresh;
}

void RefreshingCredentials::keep(Credentials fresh) {
  const Instant now = runtime_.clock.now();
  refresh_at_ = Instant::max();
  if (fresh.expires_at) {
    const double share = 0.70 + 0.10 * runtime_.random.uniform();
    const auto life = static_cast<double>((*fresh.expires_at - now).count());
    refresh_at_ = now + Duration(static_cast<Duration::rep>(std::max(0.0, life * share)));
  }
  current_ = std::move(fresh);
}

Result<Secret> read_token_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text(kMaxTokenBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0)));
  const std::string value(trim(text));
  if (value.empty() || text.size() > kMaxTokenBytes ||
      value.find_first_of("\r\n") != std::string::npos) {
    return fail(ErrorCode::kUnauthorized,
                "the token file '" + path + "' is absent or holds no token on one line");
  }
  return Secret(value);
}

}  // namespace spillway::cloud
