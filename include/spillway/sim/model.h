#pragma once
// What the models of Kubernetes' own controllers have in common: they hear of changes at once, look
// again a little later (their latency), and act on the server like any client. Level-triggered:
// what they do follows from what is there.

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include <spillway/sim/api_server.h>
#include <spillway/sim/virtual_time.h>

namespace spillway::sim {

class Model {
 public:
  // Time and server outlive the model, and no time passes after its end.
  Model(VirtualTime& time, ApiServer& server, std::string manager, Duration latency);
  virtual ~Model() = default;
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

 protected:
  virtual void sync(const ObjectKey& key) = 0;
  // sync(key) after the latency; many calls until then are one.
  void look_at(const ObjectKey& key);
  void look_at_later(const ObjectKey& key, Duration delay);

  // The answer is looked at only for what else than "gone" or "moved on" it could say: a model
  // never sends nonsense.
  void edit(const kube::ResourceType& type, const ObjectKey& key, const std::string& subresource,
            const std::function<void(nlohmann::json&)>& change);
  // Of the status alone; when it stays as it is, nothing is written.
  void edit_status(
      const kube::ResourceType& type, const ObjectKey& key,
      const std::function<void(const nlohmann::json& live, nlohmann::json& status)>& change);
  void create(const kube::ResourceType& type, nlohmann::json object);
  void remove(const kube::ResourceType& type, const ObjectKey& key, const nlohmann::json& object,
              kube::DeleteOptions options = {});
  [[nodiscard]] std::string stamp() const { return format_instant(time_.now()); }

  VirtualTime& time_;
  ApiServer& server_;

 private:
  void run_dirty();
  std::string manager_;
  Duration latency_;
  std::set<ObjectKey> dirty_;
  bool scheduled_ = false;
};

// Which objects name which owner, by uid.
class OwnerIndex {
 public:
  using Child = std::pair<std::string, ObjectKey>;  // "jobs.batch" and its key
  explicit OwnerIndex(ApiServer& server);
  [[nodiscard]] const std::set<Child>& children(const std::string& owner_uid) const;
  // The objects of one kind among them.
  [[nodiscard]] std::vector<Object> children(const std::string& owner_uid,
                                             const kube::ResourceType& type) const;

 private:
  void note(const Change& change);
  ApiServer& server_;
  std::map<std::string, std::set<Child>> children_;
};

// status.conditions: lastTransitionTime moves with the status only. True when something changed.
bool set_condition(nlohmann::json& status, const std::string& type, bool holds,
                   const std::string& reason, const std::string& message, const std::string& now);
bool condition_holds(const nlohmann::json& object, const std::string& type);
const nlohmann::json* condition_of(const nlohmann::json& object, const std::string& type);
// The owner reference of what a controller makes for `owner`.
nlohmann::json controller_reference(const nlohmann::json& owner, const kube::ResourceType& type);
bool controlled_by(const nlohmann::json& object, const std::string& owner_uid);
bool is_deleting(const nlohmann::json& object);
// Five letters and digits that follow from the text: the tail of generated names, the same in every
// run.
std::string name_suffix(const std::string& text);

}  // namespace spillway::sim
