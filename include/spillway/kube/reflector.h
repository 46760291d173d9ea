#pragma once
// Keeps a Store in step with a collection of the API server: lists, watches, and survives
// 410s, broken streams and lost bookmarks. The decisions are in reflector_state.h; this is the
// driver.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include <spillway/async/timers.h>
#include <spillway/kube/backoff.h>
#include <spillway/kube/client.h>
#include <spillway/kube/reflector_state.h>
#include <spillway/kube/store.h>

namespace spillway::kube {

// The name and namespace of any object; nothing when it has none.
std::optional<ObjectKey> key_of(const nlohmann::json& object);
// Its UID; empty when it has none.
Uid uid_of(const nlohmann::json& object);

// What a reflector writes to. An error says that the object could not be understood: it is counted,
// logged and skipped.
class ObjectSink {
 public:
  virtual ~ObjectSink() = default;
  virtual void discard() = 0;  // the staging set becomes empty
  virtual Result<void> stage(const nlohmann::json& object) = 0;
  virtual void unstage(const nlohmann::json& object) = 0;
  virtual void commit(const ResourceVersion& version, bool regressed) = 0;
  virtual Result<void> upsert(const nlohmann::json& object) = 0;
  virtual Result<void> erase(const nlohmann::json& object) = 0;
  virtual void observe(const ResourceVersion& version) = 0;
  // An own delete left nothing of this object behind.
  virtual void forget(const ObjectKey& key, const Uid& uid) = 0;
};

// A Store behind that interface.
template <class T>
class StoreSink final : public ObjectSink {
 public:
  using Decode = std::function<Result<T>(const nlohmann::json&)>;
  explicit StoreSink(Store<T>& store, Decode decode = &T::from_json)
      : store_(store), decode_(std::move(decode)) {}

  void discard() override {
    staged_.clear();
    undecodable_.clear();
  }
  Result<void> stage(const nlohmann::json& object) override {
    Result<T> decoded = decode_(object);
    if (!decoded) {
      if (auto key = key_of(object)) undecodable_.insert(*std::move(key));
      return tl::unexpected(std::move(decoded).error());
    }
    ObjectKey key = decoded->meta.key;
    undecodable_.erase(key);
    staged_.insert_or_assign(std::move(key), *std::move(decoded));
    return {};
  }
  void unstage(const nlohmann::json& object) override {
    const auto key = key_of(object);
    if (!key) return;
    staged_.erase(*key);
    undecodable_.erase(*key);
  }
  void commit(const ResourceVersion& version, bool regressed) override {
    typename Store<T>::List list{
        .undecodable = std::move(undecodable_), .version = version, .regressed = regressed};
    list.objects.reserve(staged_.size());
    for (auto& [key, object] : staged_)
      list.objects.push_back(std::move(object));
    discard();
    store_.replace_all(std::move(list));
  }
  Result<void> upsert(const nlohmann::json& object) override {
    TRY(decoded, decode_(object));
    store_.upsert(std::move(decoded));
    return {};
  }
  Result<void> erase(const nlohmann::json& object) override {
    // Identity is enough: an object that cannot be understood can still be deleted.
    const auto key = key_of(object);
    const Uid uid = uid_of(object);
    if (!key || uid.empty()) return invalid("a deleted object has to have a name and a uid");
    store_.erase(*key, uid);
    return {};
  }
  void observe(const ResourceVersion& version) override { store_.observe_version(version); }
  void forget(const ObjectKey& key, const Uid& uid) override { store_.erase(key, uid); }

 private:
  Store<T>& store_;
  Decode decode_;
  std::map<ObjectKey, T> staged_;
  std::set<ObjectKey> undecodable_;
};

struct ReflectorOptions {
  Selectors selectors;
  bool watch_list = true;
  int page_size = 500;
  std::chrono::seconds watch_timeout{
      240};  // timeoutSeconds; at most 200 behind load balancers that drop idle flows
  Duration watch_grace = std::chrono::seconds(5);  // the server may end the watch this much late
  Duration inactivity_limit = std::chrono::seconds(190);  // three bookmarks missed
  Duration very_short_watch = std::chrono::seconds(1);
  BackoffOptions backoff;
};

class Reflector {
 public:
  // References outlive the reflector, which outlives run().
  Reflector(Client& client, ResourceType type, ObjectSink& sink, ReflectorOptions options);
  ~Reflector();
  Reflector(const Reflector&) = delete;
  Reflector& operator=(const Reflector&) = delete;

  // Runs until stop(). Never fails: whatever happens is counted, logged and tried again.
  Task<void> run();
  // Ends run() at once while it watches or pauses. A list or the opening of a watch that is under
  // way ends with its deadline, or when the transport is closed.
  void stop();

  [[nodiscard]] const ReflectorState& state() const { return state_; }
  // When the API server last said anything on this collection: for health and for "the cache is N
  // seconds old".
  [[nodiscard]] MonotonicTime last_contact() const { return last_contact_; }
  // The error that keeps it from being in step, if any: for a readiness message.
  [[nodiscard]] const std::optional<Error>& trouble() const { return trouble_; }

 private:
  Task<void> step();
  Task<void> request_page(InitPage page);
  Task<void> open_watch();
  Task<void> read_stream();
  Task<void> take_line(std::string line);
  Task<void> take(ReflectorInput input);
  Task<void> enter(Transition change);
  void store_event(const Transition& change, const WatchEventSeen& event,
                   const nlohmann::json& object);
  void skip(const Error& error, const nlohmann::json& object);

  Client& client_;
  ResourceType type_;
  std::string type_name_;
  ObjectSink& sink_;
  ReflectorOptions options_;
  ReflectorState state_ = Empty{};
  ReflectorFacts facts_;
  Backoff backoff_;
  Signal wake_;
  std::unique_ptr<LineStream> stream_;
  MonotonicTime opened_at_{};
  std::uint64_t events_in_stream_ = 0;
  MonotonicTime last_contact_{};
  std::optional<Error> trouble_;
  bool stopping_ = false;
};

}  // namespace spillway::kube
