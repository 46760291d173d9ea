#pragma once
// The store as an agent reaches it: with the pod's identity, never another.

#include <memory>

#include <spillway/cloud/http.h>

#include "settings.h"

namespace spillway::agent {

struct StoreAccess {
  std::unique_ptr<cloud::HttpClient> http;  // to the store, the identity's issuer and localhost
  std::unique_ptr<cloud::CredentialsProvider> credentials;
  std::unique_ptr<storage::ObjectStore> store;
};

// `also` is one more origin that may be spoken to; empty = none.
Result<StoreAccess> open_store(const Runtime& runtime, const StoreSettings& settings,
                               const std::string& also, const cloud::EnvironmentLookup& lookup);

}  // namespace spillway::agent
