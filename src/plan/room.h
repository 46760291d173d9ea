#pragma once
// Room, counted per node: how many replicas of a demand fit on the nodes of a pool, by
// accelerators, CPU, memory and the constraints of the pod template, on nodes that are there and
// usable and on nodes that the pool's autoscaler may still add.
//
// A node that is not there yet looks like the pool's open nodes (the most that any of them
// offers); a pool without such a node is assumed to fit unless its own node selector contradicts
// the template: unknown is never "no". Replicas are packed onto the node with the least free
// accelerators that takes them, so that whole nodes stay whole. The scheduler may spread them
// instead; what then does not fit runs into the launch timeout.

#include <cstddef>
#include <cstdint>
#include <vector>

#include <spillway/plan/snapshot.h>

namespace spillway::plan {

// What one replica asks of a node. `id` is dense: demands with equal needs share it, and counts are
// remembered by it.
struct Need {
  Resources resources;
  std::size_t shape = 0;
  std::size_t id = 0;
};

class Room {
 public:
  // `pool_nodes` beyond a pool's max_nodes get nothing new; nodes that hold replicas count first
  // towards it.
  explicit Room(const Snapshot& snapshot);

  // Replicas that are bound occupy their node whether it is usable or not.
  void occupy(const Need& need, const std::vector<Bound>& bound);
  void release(const Need& need, const std::vector<Bound>& bound);

  // Counts the occasions on which room was given back: while it stands still, what did not fit does
  // not fit.
  [[nodiscard]] std::uint64_t releases() const { return releases_; }

  // How many replicas fit on the pool now.
  std::int64_t slots(std::size_t pool, const Need& need);
  bool fits(std::size_t pool, const Need& need, std::int64_t replicas);
  // Packs up to `replicas` and says where; fewer when the room ends. Node indices from
  // snapshot.nodes.size() on stand for nodes that are not there yet.
  std::vector<Bound> take(std::size_t pool, const Need& need, std::int64_t replicas);
  // The same in the memory of `taken`, whatever was in it.
  void take(std::size_t pool, const Need& need, std::int64_t replicas, std::vector<Bound>& taken);

  // One replica onto that node; false when it does not fit there.
  bool take_on(std::size_t node, const Need& need);

  // Position of a node among those of its pool, by name; nodes that are not there yet come last.
  [[nodiscard]] std::size_t rank(std::size_t node) const { return nodes_[node].rank; }

  // How many replicas would fit if nothing of ours ran there. An upper bound: nodes are taken for
  // as good as the best.
  std::int64_t slots_when_empty(std::size_t pool, const Need& need);

 private:
  struct Node {
    std::int64_t accelerators = 0;
    std::int64_t cpu = 0;
    std::int64_t memory = 0;
    std::uint32_t pool = 0;
    std::uint32_t kind = 0;
    std::uint32_t rank = 0;
    bool open = false;  // may take something new
  };
  // Nodes of one pool with equal traits; the scheduling rules are asked once per shape and kind.
  struct Kind {
    std::size_t pool = 0;
    std::size_t traits = 0;
    bool imagined = false;  // of nodes that are not there yet
  };
  struct PoolRoom {
    std::vector<std::uint32_t> nodes;  // by name; nodes that were not there last
    std::vector<std::uint32_t> kinds;
    std::int64_t gone = 0;     // of `nodes`: listed, and not there any more
    std::int64_t addable = 0;  // nodes that may still be added
    std::uint32_t imagined_kind = 0;
    Node imagined;                       // what such a node offers
    std::int64_t free_accelerators = 0;  // on open and addable nodes
    std::uint32_t version = 1;           // of the counts below
  };
  struct Count {
    std::int64_t slots = 0;
    std::uint32_t version = 0;
  };
  enum class Answer : std::int8_t { kUnasked, kYes, kNo, kByNode };

  void open_nodes(std::size_t pool);
  void imagine_node(std::size_t pool, const std::vector<bool>& closed);
  std::uint32_t kind_of(std::size_t pool, std::size_t traits, bool imagined);
  bool admits(const Need& need, std::uint32_t node);
  Answer admits_kind(std::size_t shape, std::uint32_t kind);
  [[nodiscard]] Answer ask(std::size_t shape, const Kind& kind) const;
  void change(std::uint32_t node, const Need& need, std::int64_t replicas);
  std::int64_t take_level(PoolRoom& room, const Need& need, std::int64_t level,
                          std::int64_t replicas, std::vector<Bound>& taken);
  std::uint32_t add_node(PoolRoom& room);

  const Snapshot& snapshot_;
  std::uint64_t releases_ = 1;
  std::vector<Node> nodes_;
  std::vector<Kind> kinds_;
  std::vector<PoolRoom> pools_;
  std::vector<std::vector<Answer>> answers_;  // by shape, then kind
  std::vector<std::vector<Count>> counts_;    // by need, then pool
};

}  // namespace spillway::plan
