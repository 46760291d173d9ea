#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include <boost/asio/ip/address.hpp>

#include "beast_connection.h"
#include "tls_trust.h"
#include "wire.h"

namespace spillway::cloud {
namespace {

// Of received bytes OpenSSL keeps this many, and of encrypted ones we do before they are sent: a
// system call for eight records and more, and all of it stays in the processor's cache.
constexpr std::size_t kBatchBytes = 128 * 1024;

std::string openssl_error() {
  const unsigned long number = ERR_get_error();
  const char* const reason = number == 0 ? nullptr : ERR_reason_error_string(number);
  return reason != nullptr ? reason : "the connection was closed";
}

bool signed_by_a_stranger(long verified) {
  return verified == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
         verified == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT ||
         verified == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
         verified == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE;
}

template <class T, void (*free)(T*)>
struct Freed {
  void operator()(T* pointer) const { free(pointer); }
};

class TlsWire final : public Wire {
 public:
  TlsWire(const asio::any_io_executor& executor, std::shared_ptr<TlsTrust> trust)
      : Wire(executor), trust_(std::move(trust)), ssl_(SSL_new(trust_->context())) {
    out_.reserve(kBatchBytes);
  }

  Task<Result<void>> shake_hands(std::string host) override;
  [[nodiscard]] bool drained() const override { return SSL_has_pending(ssl_.get()) == 0; }

 protected:
  Step try_read(char* data, std::size_t size) override;
  Step try_write(std::string_view bytes) override;
  Step try_flush() override;

 private:
  Result<void> prepare(const std::string& host);
  [[nodiscard]] Error refusal(const std::string& host) const;
  // What an unsuccessful call of OpenSSL means.
  Step outcome(int returned);

  // OpenSSL's way to the socket.
  static const BIO_METHOD* methods();
  static TlsWire& self(BIO* bio) { return *static_cast<TlsWire*>(BIO_get_data(bio)); }
  static int bio_read(BIO* bio, char* data, std::size_t size, std::size_t* got);
  static int bio_write(BIO* bio, const char* data, std::size_t size, std::size_t* written);
  static long bio_control(BIO* bio, int command, long, void*);

  std::shared_ptr<TlsTrust> trust_;
  std::string out_;       // encrypted, to be sent
  std::size_t sent_ = 0;  // of out_
  SystemError failure_;   // of the socket
  std::unique_ptr<SSL, Freed<SSL, SSL_free>> ssl_;
};

const BIO_METHOD* TlsWire::methods() {
  static const BIO_METHOD* const made = [] {
    BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wire");
    BIO_meth_set_read_ex(method, &TlsWire::bio_read);
    BIO_meth_set_write_ex(method, &TlsWire::bio_write);
    BIO_meth_set_ctrl(method, &TlsWire::bio_control);
    return method;
  }();
  return made;
}

int TlsWire::bio_read(BIO* bio, char* data, std::size_t size, std::size_t* got) {
  BIO_clear_flags(bio, BIO_FLAGS_RWS | BIO_FLAGS_SHOULD_RETRY);
  TlsWire& wire = self(bio);
  const Step step = wire.receive(data, size);
  *got = step.bytes;
  if (step.blocked != Blocked::kNo) BIO_set_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY);
  if (step.error) wire.failure_ = step.error;
  return step.bytes > 0 ? 1 : 0;
}

// Takes everything: try_write() sees to it that what waits is bounded.
int TlsWire::bio_write(BIO* bio, const char* data, std::size_t size, std::size_t* written) {
  self(bio).out_.append(data, size);
  *written = size;
  return 1;
}

long TlsWire::bio_control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command == BIO_CTRL_EOF) return self(bio).failure_ == asio::error::eof ? 1 : 0;
  return 0;
}

Wire::Step TlsWire::outcome(int returned) {
  switch (SSL_get_error(ssl_.get(), returned)) {
    case SSL_ERROR_WANT_READ: return {.blocked = Blocked::kReading};
    case SSL_ERROR_WANT_WRITE: return {.blocked = Blocked::kWriting};
    case SSL_ERROR_ZERO_RETURN: return {.error = asio::error::make_error_code(asio::error::eof)};
    default: break;
  }
  // Closed without TLS's own goodbye, which HTTP does not need where a length was said.
  if (failure_) return {.error = failure_};
  return {.error = asio::error::make_error_code(asio::error::connection_aborted)};
}

Wire::Step TlsWire::try_read(char* data, std::size_t size) {
  ERR_clear_error();
  Step step;
  while (step.bytes < size) {
    std::size_t got = 0;
    const int returned = SSL_read_ex(ssl_.get(), data + step.bytes, size - step.bytes, &got);
    if (returned != 1) {
      const Step stop = outcome(returned);
      step.blocked = stop.blocked;
      step.error = stop.error;
      return step;
    }
    step.bytes += got;
  }
  return step;
}

Wire::Step TlsWire::try_write(std::string_view bytes) {
  ERR_clear_error();
  Step step;
  while (step.bytes < bytes.size() && out_.size() < kBatchBytes) {
    std::size_t taken = 0;
    const int returned =
        SSL_write_ex(ssl_.get(), bytes.data() + step.bytes, bytes.size() - step.bytes, &taken);
    if (returned != 1) {
      const Step stop = outcome(returned);
      step.blocked = stop.blocked;
      step.error = stop.error;
      return step;
    }
    step.bytes += taken;
  }
  // The last of a message goes with try_flush().
  if (out_.size() < kBatchBytes) return step;
  const Step flushed = try_flush();
  step.blocked = flushed.blocked;
  step.error = flushed.error;
  return step;
}

Wire::Step TlsWire::try_flush() {
  while (sent_ < out_.size()) {
    const Step step = send(std::string_view(out_).substr(sent_));
    if (step.error || step.blocked != Blocked::kNo) return step;
    sent_ += step.bytes;
  }
  out_.clear();
  sent_ = 0;
  return {};
}

Result<void> TlsWire::prepare(const std::string& host) {
  BIO* const bio = ssl_ ? BIO_new(methods()) : nullptr;
  if (bio == nullptr) return fail(ErrorCode::kInternal, "TLS cannot be set up");
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_read_ahead(ssl_.get(), 1);
  SSL_set_default_read_buffer_len(ssl_.get(), kBatchBytes);
  SSL_set_connect_state(ssl_.get());
  SystemError not_an_address;
  asio::ip::make_address(host, not_an_address);
  bool set = false;
  if (not_an_address) {
    // The macro SSL_set_tlsext_host_name has an old-style cast.
    std::string name = host;
    SSL_ctrl(ssl_.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data());
    set = SSL_set1_host(ssl_.get(), host.c_str()) == 1;
  } else {
    set = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), host.c_str()) == 1;
  }
  if (!set) return fail(ErrorCode::kUnavailable, "'" + host + "' is no name for a certificate");
  return {};
}

Error TlsWire::refusal(const std::string& host) const {
  const long verified = SSL_get_verify_result(ssl_.get());
  std::string why =
      verified == X509_V_OK
          ? "TLS handshake with " + host + ": " + (failure_ ? failure_.message() : openssl_error())
          : "the certificate of " + host +
                " is not accepted: " + X509_verify_cert_error_string(verified);
  if (signed_by_a_stranger(verified))
    why += "; if its authority is one of yours, name the PEM file of it (caFile)";
  return {.code = ErrorCode::kUnavailable, .message = std::move(why)};
}

Task<Result<void>> TlsWire::shake_hands(std::string host) {
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  TRY_VOID_CO(prepare(host));
  while (true) {
    ERR_clear_error();
    const int returned = SSL_do_handshake(ssl_.get());
    // The reason for a refusal is looked at before it is lost to the calls that send it.
    const Step step = returned == 1 ? Step{} : outcome(returned);
    if (step.error) {
      Error why = refusal(host);
      try_flush();  // the alert; whether it arrives is of no matter
      co_return fail(std::move(why));
    }
    if (const SystemError error = co_await write({})) {
      co_return fail(ErrorCode::kUnavailable,
                     "TLS handshake with " + host + ": " + error.message());
    }
    if (returned == 1) co_return Result<void>();
    if (const SystemError error = co_await wait_for(step.blocked)) {
      co_return fail(ErrorCode::kUnavailable,
                     "TLS handshake with " + host + ": " + error.message());
    }
  }
}

int add_certificates(SSL_CTX* context, const std::string& pem) {
  const std::unique_ptr<BIO, int (*)(BIO*)> source(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  int count = 0;
  while (X509* certificate = PEM_read_bio_X509(source.get(), nullptr, nullptr, nullptr)) {
    count += X509_STORE_add_cert(store, certificate);
    X509_free(certificate);
  }
  ERR_clear_error();  // the end of the text is an error to the reader
  return count;
}

}  // namespace

void TlsTrust::Free::operator()(SSL_CTX* context) const {
  SSL_CTX_free(context);
}

Result<std::shared_ptr<TlsTrust>> make_tls_trust(const std::string& ca_bundle) {
  auto trust = std::make_shared<TlsTrust>(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* const context = trust->context();
  const bool set_up = context != nullptr &&
                      SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
                      SSL_CTX_set_default_verify_paths(context) == 1;
  if (!set_up) return fail(ErrorCode::kInternal, "TLS cannot be set up: " + openssl_error());
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (!ca_bundle.empty() && add_certificates(context, ca_bundle) == 0) {
    return invalid("the CA bundle holds no certificate: write PEM blocks, BEGIN CERTIFICATE");
  }
  return trust;
}

std::unique_ptr<Wire> make_tls_wire(const asio::any_io_executor& executor,
                                    std::shared_ptr<TlsTrust> trust) {
  return std::make_unique<TlsWire>(executor, std::move(trust));
}

}  // namespace spillway::cloud
