#pragma once
// What is known about the end of nodes, brought to one shape: the marks that clouds and tools leave
// on Node objects, the node agent's, and messages of a cloud's queue (docs/interruption.md lists
// them with their sources).
//
// A notice is a level, not an event: it holds while its mark is there. The same word from two
// sources is one notice, with the earliest deadline; a mark that is taken away again is a notice
// that was cancelled. The deadline is absolute from the first sight on: where a mark does not say
// itself since when it is there, the first sight is remembered here, and after a restart of the
// operator taken from what it had recorded.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <spillway/core/ids.h>
#include <spillway/core/time.h>
#include <spillway/kube/store.h>
#include <spillway/kube/types.h>
#include <spillway/plan/snapshot.h>

namespace spillway::control {

using plan::NoticeKind;  // the graver first; kRebalance is only a hint

// One mark, as its source left it.
struct NoticeMark {
  NoticeKind kind = NoticeKind::kInterruption;
  std::string source;               // "karpenter", "aws-node-termination-handler", "gke", ...
  std::optional<Instant> since;     // where the mark says it
  std::optional<Instant> deadline;  // where the mark says it
  Duration budget{};                // from `since` or the first sight to the deadline otherwise
  friend bool operator==(const NoticeMark&, const NoticeMark&) = default;
};
std::vector<NoticeMark> marks_on(const kube::Node& node);
// One of them is more than a hint.
bool has_to_be_left(const kube::Node& node);

// Whether a node that is not ready may be taken for gone. Not ready alone never is: a partition
// heals, and its pods write on.
enum class NodeFate : std::uint8_t {
  kThere,
  kSuspected,  // not ready for no reason that a notice explains
  kGone,  // by the word of who knows: out-of-service, shut down by the cloud, instance terminated
};
NodeFate fate_of(const kube::Node& node);

struct NodeNotice {
  NodeName node;
  NoticeKind kind = NoticeKind::kInterruption;
  std::string source;
  Instant first_seen{};
  Instant deadline{};
  friend bool operator==(const NodeNotice&, const NodeNotice&) = default;
};

// What a cloud's queue said about an instance, which is not known by its node's name.
struct InstanceWord {
  std::string instance;  // "i-0123456789abcdef0": the last part of a Node's spec.providerID
  bool gone = false;     // terminated or stopped; else a notice
  NoticeMark mark;       // mark.since is always set
  friend bool operator==(const InstanceWord&, const InstanceWord&) = default;
};
// "aws:///us-east-1a/i-1" -> "i-1".
std::string_view instance_of(std::string_view provider_id);

// All notices in force. Control thread only; bounded by the number of nodes and kMaxInstances.
class NoticeBook {
 public:
  static constexpr std::size_t kMaxInstances = 10'000;
  // An instance that outlives its deadline by this much was not taken after all.
  static constexpr Duration kForgetAfter = std::chrono::minutes(10);

  // Deadlines that were recorded for nodes before a restart; a first sight never falls behind them.
  using Recorded = std::map<NodeName, Instant>;

  // Brings the book up to date with the nodes that there are; once a pass, before the accessors.
  void learn(const kube::Store<kube::Node>& nodes, const Recorded& recorded, Instant now);
  // From a queue; heard again, it changes nothing. True when it was news.
  bool hear(InstanceWord word);

  [[nodiscard]] const std::map<NodeName, NodeNotice>& notices() const { return notices_; }
  [[nodiscard]] NodeFate fate(const kube::Node& node) const;
  // The node says of its end what learn() has not seen yet.
  [[nodiscard]] bool is_news(const kube::Node& node) const;

 private:
  struct Sight {
    Uid uid;  // of the node: another machine may get the same name
    std::map<std::pair<NoticeKind, std::string>, Instant> by_mark;
  };
  [[nodiscard]] const InstanceWord* word_of(const kube::Node& node) const;
  static Sight look(const kube::Node& node, const std::vector<NoticeMark>& marks,
                    const Sight* before, std::optional<Instant> recorded, Instant now);
  static NodeNotice merged(const NodeName& name, const std::vector<NoticeMark>& marks,
                           const Sight& sight);
  void forget_instances(Instant now);

  std::map<NodeName, Sight> sights_;
  std::map<NodeName, NodeNotice> notices_;
  std::map<std::string, InstanceWord, std::less<>> instances_;
};

}  // namespace spillway::control
