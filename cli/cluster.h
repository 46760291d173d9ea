#pragma once
// The live cluster. It is only read, unless a command says that it writes (wake, sleep): otherwise
// every mutating request is refused inside this program, whatever the user may do.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include <spillway/control/world.h>
#include <spillway/core/clock.h>
#include <spillway/core/result.h>
#include <spillway/kube/client.h>

namespace spillway::cli {

struct ConnectionFlags {
  std::string kubeconfig;  // empty: the usual order (kube/config.h)
  std::string context;
  std::string ns;  // empty: the context's
};

// What a user sees of the cluster: complete, or the rights that are missing for it.
struct Reading {
  control::World world;              // of what may be listed
  std::vector<std::string> missing;  // "nodes", "pods", "jobs.batch": may not be listed
  std::vector<std::string> remarks;  // objects that cannot be understood, one sentence each
};

// Lists, page by page, what the operator watches. Errors: the cluster is not to be reached, or has
// no Spillway. A forbidden list is no error but Reading::missing.
Task<Result<Reading>> read_world(kube::Client& client);

// "this user may not list nodes and pods in the whole cluster, ...": what to ask for.
std::string missing_rights(const std::vector<std::string>& missing);

// CostPolicies, Namespaces and what may sleep, as documents, page by page. Plain kinds are listed
// only when a policy is about them. Errors as of read_world, and a forbidden list is one.
Task<Result<std::vector<nlohmann::json>>> read_hours(kube::Client& client);

enum class Access { kRead, kWrite };

class Cluster {
 public:
  // Reads the kubeconfig; nothing is sent yet. kInvalidArgument says what to write instead.
  static Result<std::unique_ptr<Cluster>> connect(const ConnectionFlags& flags,
                                                  Access access = Access::kRead);
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  Result<Reading> read();
  Result<std::vector<nlohmann::json>> read_hours();
  Result<nlohmann::json> get(kube::ResourceType type, ObjectKey key);
  // kFenced without Access::kWrite.
  Result<nlohmann::json> create(kube::ResourceType type, nlohmann::json object);
  Result<nlohmann::json> merge_patch(kube::ResourceType type, ObjectKey key, nlohmann::json patch);
  [[nodiscard]] const Namespace& ns() const;  // of the flags, else of the context
  [[nodiscard]] const std::string& description() const;
  [[nodiscard]] Instant now() const;

 private:
  struct Parts;
  explicit Cluster(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace spillway::cli
