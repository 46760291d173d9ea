#pragma once
// SHA-256 of what comes in pieces.

#include <memory>
#include <string_view>

#include <spillway/storage/object_info.h>

struct evp_md_ctx_st;

namespace spillway::storage {

class Hasher {
 public:
  Hasher();
  void update(std::string_view bytes);
  [[nodiscard]] Sha256 finish();  // once

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

}  // namespace spillway::storage
