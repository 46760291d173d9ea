#pragma once
// The certificates that are accepted, for all connections of a client.

#include <memory>

struct ssl_ctx_st;

namespace spillway::cloud {

class TlsTrust {
 public:
  explicit TlsTrust(ssl_ctx_st* context) : context_(context) {}
  [[nodiscard]] ssl_ctx_st* context() const { return context_.get(); }

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const;
  };
  std::unique_ptr<ssl_ctx_st, Free> context_;
};

}  // namespace spillway::cloud
