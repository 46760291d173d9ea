#include "hasher.h"

#include <openssl/evp.h>

#include <array>

#include <spillway/core/check.h>

namespace spillway::storage {

void Hasher::Free::operator()(evp_md_ctx_st* context) const {
  EVP_MD_CTX_free(context);
}

Hasher::Hasher() : context_(EVP_MD_CTX_new()) {
  SPILLWAY_CHECK(context_ != nullptr);
  SPILLWAY_CHECK(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
}

void Hasher::update(std::string_view bytes) {
  SPILLWAY_CHECK(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
}

Sha256 Hasher::finish() {
  std::array<unsigned char, 32> digest{};
  unsigned int length = 0;
  SPILLWAY_CHECK(EVP_DigestFinal_ex(context_.get(), digest.data(), &length) == 1);
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : digest) {
    text.push_back(kHex[byte >> 4]);
    text.push_back(kHex[byte & 15]);
  }
  return Sha256(std::move(text));
}

}  // namespace spillway::storage
