#include "local_credentials.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

#include <openssl/evp.h>

#include <spillway/core/log.h>
#include <spillway/core/text.h>

namespace spillway::kube {
namespace {

constexpr Duration kReadEvery = std::chrono::minutes(1);
constexpr std::size_t kMaxFileBytes = std::size_t{1} << 20;

Secret basic(const std::string& username, const Secret& password) {
  const std::string plain = username + ":" + password.reveal();
  std::string encoded((plain.size() + 2) / 3 * 4 + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                                     reinterpret_cast<const unsigned char*>(plain.data()),
                                     static_cast<int>(plain.size()));
  encoded.resize(static_cast<std::size_t>(length));
  return Secret("Basic " + encoded);
}

}  // namespace

Result<std::string> read_file(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return invalid("cannot read " + path + ": " + std::strerror(errno));
  std::string content;
  std::array<char, 16 * 1024> chunk{};
  while (file.read(chunk.data(), chunk.size()) || file.gcount() > 0) {
    content.append(chunk.data(), static_cast<std::size_t>(file.gcount()));
    if (content.size() > kMaxFileBytes) return invalid(path + " is larger than 1 MiB");
  }
  if (file.bad()) return invalid("cannot read " + path);
  return content;
}

Result<std::string> TextSource::read() const {
  if (path.empty()) return text;
  TRY(content, read_file(path));
  if (trim(content).empty()) return invalid(path + " is empty");
  return content;
}

LocalCredentials::LocalCredentials(Runtime runtime, LocalSources sources)
    : runtime_(std::move(runtime)), sources_(std::move(sources)) {}

Task<Result<Access>> LocalCredentials::current() {
  co_return read_now();
}

Result<Access> LocalCredentials::read_now() {
  const MonotonicTime now = runtime_.clock.monotonic();
  if (last_good_ && !stale_ && now < read_again_at_) return *last_good_;
  Result<Access> loaded = load();
  if (!loaded) {
    if (!last_good_) return loaded;
    // A file that is being replaced must not end what works: the last good credentials are used on.
    if (!std::exchange(complained_, true)) {
      log::warning("credentials could not be read again, the last ones are used on",
                   {{"error", loaded.error().message}});
    }
    return *last_good_;
  }
  complained_ = false;
  stale_ = false;
  read_again_at_ = now + kReadEvery;
  // The same material keeps its identity, and with it the TLS context and the connections.
  if (last_good_ && *last_good_->tls == *loaded->tls) loaded->tls = last_good_->tls;
  last_good_ = *std::move(loaded);
  return *last_good_;
}

Result<Access> LocalCredentials::load() const {
  auto tls = std::make_shared<TlsMaterial>();
  TRY(ca, sources_.ca.read());
  TRY(certificate, sources_.client_certificate.read());
  TRY(key, sources_.client_key.read());
  TRY(token, sources_.token.read());
  tls->ca = std::move(ca);
  tls->client_certificate = std::move(certificate);
  tls->client_key = Secret(std::move(key));
  Access access{.tls = std::move(tls)};
  if (const std::string_view bare = trim(token); !bare.empty()) {
    access.authorization = Secret("Bearer " + std::string(bare));
  } else if (!sources_.username.empty()) {
    access.authorization = basic(sources_.username, sources_.password);
  }
  return access;
}

}  // namespace spillway::kube
