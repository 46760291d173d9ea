#pragma once
// A Kubernetes API server in the same process: storage, versions, generations, conflicts, lists and
// watches, apply with field ownership, deletion with preconditions, finalizers and grace, for
// exactly the requests that Spillway and the models beside it send. Everything else is answered 501
// and counted, so that a test can demand that there was nothing of the kind.
//
// Synchronous and without time of its own: a request is carried out when it is given. Delays,
// losses and crashes are the connection's (connection.h). The garbage collector and the other
// controllers are models that act on it like clients.
//
// It is held to the real one by tests/conformance. Known differences are listed in
// src/sim/README.md.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <spillway/core/clock.h>
#include <spillway/kube/client.h>
#include <spillway/kube/transport.h>
#include <spillway/sim/kinds.h>
#include <spillway/sim/label_selector.h>
#include <spillway/sim/object_store.h>
#include <spillway/sim/refusal.h>

namespace spillway::sim {

struct WatchFrame {
  std::string_view type;  // "ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"
  ObjectKey key;          // empty for BOOKMARK and ERROR
  std::uint64_t version = 0;
  std::string line;  // {"type", "object"}, without the end of the line
};

class ApiServer {
 public:
  ApiServer(const Clock& clock, Random& random);

  // ---- over HTTP

  // Any request but a watch.
  kube::HttpResponse handle(const kube::HttpRequest& request);

  using WatchId = std::uint64_t;
  using Sink = std::function<void(WatchFrame)>;
  struct Opened {
    kube::HttpResponse head;  // with a body unless the status is 200
    WatchId id = 0;           // 0: refused
    std::chrono::seconds timeout{};
    bool bookmarks = false;
  };
  // `sink` gets what is there to say at once, then every change until close(). It may not call the
  // server.
  Opened open(const kube::HttpRequest& request, Sink sink);
  void close(WatchId id) { watches_.erase(id); }
  // The bookmark that a watch would get now; none while the server is behind the version from which
  // it watches.
  [[nodiscard]] std::optional<WatchFrame> bookmark(WatchId id) const;

  // ---- in process: the same rules without the text in between

  struct Editor {
    std::string manager = "spillway-sim";
    std::string subresource;  // "" or "status"
  };
  Answer<Object> create(const kube::ResourceType& type, nlohmann::json object,
                        const Editor& editor);
  // The whole object; metadata.resourceVersion, if there, is a precondition.
  Answer<Object> replace(const kube::ResourceType& type, const ObjectKey& key,
                         nlohmann::json object, const Editor& editor);
  Answer<Object> merge_patch(const kube::ResourceType& type, const ObjectKey& key,
                             const nlohmann::json& patch, const Editor& editor);
  Answer<Object> apply(const kube::ResourceType& type, const ObjectKey& key, nlohmann::json config,
                       bool force, const Editor& editor);
  // Reads, lets `change` edit a copy, replaces.
  Answer<Object> edit(const kube::ResourceType& type, const ObjectKey& key, const Editor& editor,
                      const std::function<void(nlohmann::json&)>& change);
  // The object when it is still there (being deleted), null when it is gone. propagation: nothing
  // said means background.
  Answer<Object> remove(const kube::ResourceType& type, const ObjectKey& key,
                        const kube::DeleteOptions& options);

  [[nodiscard]] Object find(const kube::ResourceType& type, const ObjectKey& key) const {
    return store_.find(type, key);
  }
  [[nodiscard]] const Collection& all(const kube::ResourceType& type) const {
    return store_.collection(type);
  }
  [[nodiscard]] const ObjectStore& store() const { return store_; }
  void listen(ObjectStore::Listener listener) { store_.listen(std::move(listener)); }

  // For a replica: what another server did.
  void follow(const Change& change) { store_.follow(change); }

  void limit_history(std::size_t changes) { store_.limit_history(changes); }
  // Forgets the history: watches and continued lists from before are answered 410 from now on.
  void compact();
  // Ends every watch that is behind, as the ERROR event inside the stream does.
  [[nodiscard]] std::vector<std::string> unknown_requests() const { return unknown_requests_; }
  [[nodiscard]] const Clock& clock() const { return clock_; }

 private:
  struct Target;
  struct Watch {
    const Kind* kind = nullptr;
    Namespace ns;
    LabelSelector selector;
    // Nothing up to this version is told: a watch may begin with a version that the server is still
    // to come to, and then waits for it without a word.
    std::uint64_t after = 0;
    Sink sink;
  };
  struct Page {  // the rest of a list that was given in part
    std::uint64_t version = 0;
    std::vector<Object> rest;
  };

  Answer<Target> parse(const kube::HttpRequest& request) const;
  Answer<kube::HttpResponse> dispatch(const kube::HttpRequest& request);
  Answer<kube::HttpResponse> read(const Target& target);
  Answer<kube::HttpResponse> write(const Target& target, const kube::HttpRequest& request);
  Answer<kube::HttpResponse> patch(const Target& target, const kube::HttpRequest& request,
                                   nlohmann::json body);
  Answer<kube::HttpResponse> scale(const Target& target, const kube::HttpRequest& request,
                                   const nlohmann::json& body);
  Answer<kube::HttpResponse> delete_one(const Target& target, const nlohmann::json& body);
  Answer<kube::HttpResponse> list(const Target& target);
  kube::HttpResponse object_response(int status, const Object& object);
  void note_unknown(const kube::HttpRequest& request);

  Answer<Object> insert(const Kind& kind, const ObjectKey& key, nlohmann::json object,
                        const Editor& editor, bool fields_managed);
  Answer<Object> overwrite(const Kind& kind, const ObjectKey& key, const Object& live,
                           nlohmann::json object, const Editor& editor, bool fields_managed);
  Answer<Object> end_of(const Kind& kind, const ObjectKey& key, const Object& live,
                        const kube::DeleteOptions& options);
  [[nodiscard]] std::string next_uid();
  [[nodiscard]] std::string stamp() const { return format_instant(clock_.now()); }

  void tell_watches(const Change& change);
  void tell(const Watch& watch, const Change& change);
  // An object as text. Whoever wrote it and every watch are told the same one.
  const std::string& text_of(const Object& object);
  void start_watch(const Watch& watch, const Target& target);

  struct Text {
    Object object;
    std::string text;
  };
  Text latest_text_;
  const Clock& clock_;
  Random& random_;
  ObjectStore store_;
  std::map<WatchId, Watch> watches_;
  WatchId last_watch_ = 0;
  std::map<std::string, Page> pages_;  // by continue token
  std::uint64_t pages_given_ = 0;
  std::vector<std::string> unknown_requests_;
};

}  // namespace spillway::sim
