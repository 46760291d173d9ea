#pragma once
// STS beside the object store: whoever shows the token of the hour gets a key for a short while
// (AssumeRoleWithWebIdentity), which the store then takes. The token lies in a file, as the kubelet
// leaves it there, and is replaced from time to time; the one before is refused from then on.

#include <map>
#include <memory>
#include <set>
#include <string>

#include <spillway/cloud/http.h>
#include <spillway/sim/object_store_server.h>

#include "support/temporary_folder.h"

namespace spillway::sim {

class IdentityService {
 public:
  // What is referred to outlives the service, and the service its clients.
  IdentityService(VirtualTime& time, ObjectStoreServer& store);

  // A process's way to the store and to STS.
  std::unique_ptr<cloud::HttpClient> connect();
  // Of the operator's environment; nullptr for what is not set.
  [[nodiscard]] const char* variable(const char* name) const;
  // Another token in the file.
  void rotate();
  // How many different tokens were shown, those that were refused not counted.
  [[nodiscard]] std::size_t tokens_taken() const { return taken_.size(); }

 private:
  class Client;
  struct Session {
    Secret secret;
    Instant expires_at{};
  };
  [[nodiscard]] std::string token() const { return "token-" + std::to_string(rotations_); }
  [[nodiscard]] const Secret* secret_of(std::string_view key) const;
  cloud::HttpResponse answer(const cloud::HttpRequest& request);

  VirtualTime& time_;
  ObjectStoreServer& store_;
  ::spillway::testing::TemporaryFolder folder_;
  std::string token_file_;
  std::map<std::string, Session, std::less<>> sessions_;  // by access key id
  std::set<std::string> taken_;
  int rotations_ = 0;
};

}  // namespace spillway::sim
