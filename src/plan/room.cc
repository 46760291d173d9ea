#include "room.h"

#include <algorithm>
#include <limits>

#include "constraints.h"
#include "notices.h"

namespace spillway::plan {
namespace {

// kubelet's default; bounds a demand that asks for nothing countable.
constexpr std::int64_t kMaxPodsPerNode = 110;
constexpr std::int64_t kPlenty = std::numeric_limits<std::int64_t>::max() / 4;

std::int64_t times(std::int64_t free, std::int64_t need) {
  return need <= 0 ? kMaxPodsPerNode : free / need;
}

}  // namespace

Room::Room(const Snapshot& snapshot)
    : snapshot_(snapshot), pools_(snapshot.pools.size()), answers_(snapshot.shapes.size()) {
  nodes_.reserve(snapshot.nodes.size());
  const std::vector<bool> closed = closed_nodes(snapshot);
  for (std::size_t i = 0; i < snapshot.nodes.size(); ++i) {
    const plan::Node& node = snapshot.nodes[i];
    nodes_.push_back({.accelerators = node.free.accelerators.value(),
                      .cpu = node.free.cpu.value(),
                      .memory = node.free.memory.value(),
                      .pool = static_cast<std::uint32_t>(node.pool),
                      .kind = kind_of(node.pool, node.traits, false),
                      .open = !closed[i]});
    pools_[node.pool].nodes.push_back(static_cast<std::uint32_t>(i));
    if (node.health == NodeHealth::kGone) ++pools_[node.pool].gone;
  }
  for (std::size_t pool = 0; pool < pools_.size(); ++pool) {
    std::sort(pools_[pool].nodes.begin(), pools_[pool].nodes.end(),
              [&](std::uint32_t a, std::uint32_t b) {
                return snapshot.nodes[a].name < snapshot.nodes[b].name;
              });
    for (std::size_t i = 0; i < pools_[pool].nodes.size(); ++i)
      nodes_[pools_[pool].nodes[i]].rank = static_cast<std::uint32_t>(i);
    open_nodes(pool);
    imagine_node(pool, closed);
  }
}

// A lowered max_nodes closes nodes that are there: empty ones first, then the last by name. Holding
// is judged by the snapshot's bound replicas.
void Room::open_nodes(std::size_t pool) {
  PoolRoom& room = pools_[pool];
  const std::int64_t there = static_cast<std::int64_t>(room.nodes.size()) - room.gone;
  const std::int64_t max = std::max<std::int64_t>(snapshot_.pools[pool].max_nodes, 0);
  room.addable = std::max<std::int64_t>(max - there, 0);
  if (there > max) {
    std::vector<bool> holds(nodes_.size(), false);
    const auto mark = [&](const std::vector<Bound>& bound) {
      for (const Bound& at : bound)
        holds[at.node] = true;
    };
    for (const TrainingWorkload& workload : snapshot_.training)
      mark(workload.bound);
    for (const InferenceWorkload& workload : snapshot_.inference) {
      for (const InferenceAllocation& allocation : workload.allocations)
        mark(allocation.bound);
    }
    std::vector<std::uint32_t> order;
    for (const bool holding : {true, false}) {
      std::copy_if(room.nodes.begin(), room.nodes.end(), std::back_inserter(order),
                   [&](std::uint32_t node) { return holds[node] == holding; });
    }
    for (std::size_t i = static_cast<std::size_t>(max + room.gone); i < order.size(); ++i)
      nodes_[order[i]].open = false;
  }
  for (const std::uint32_t node : room.nodes) {
    if (nodes_[node].open)
      room.free_accelerators += std::max<std::int64_t>(nodes_[node].accelerators, 0);
  }
}

// A node that is going carries marks which the next one will not have: it is no model.
void Room::imagine_node(std::size_t pool, const std::vector<bool>& closed) {
  PoolRoom& room = pools_[pool];
  Node& imagined = room.imagined;
  imagined = {.accelerators = snapshot_.pools[pool].accelerators_per_node.value(),
              .pool = static_cast<std::uint32_t>(pool),
              .open = true};
  std::optional<std::uint32_t> model;
  for (const std::uint32_t node : room.nodes) {
    if (closed[node]) continue;
    if (!model) model = node;
    imagined.cpu = std::max(imagined.cpu, nodes_[node].cpu);
    imagined.memory = std::max(imagined.memory, nodes_[node].memory);
  }
  if (!model) imagined.cpu = imagined.memory = kPlenty;
  const std::size_t traits =
      model ? snapshot_.nodes[*model].traits : std::numeric_limits<std::size_t>::max();
  room.imagined_kind = imagined.kind = kind_of(pool, traits, true);
  room.free_accelerators += room.addable * imagined.accelerators;
}

std::uint32_t Room::kind_of(std::size_t pool, std::size_t traits, bool imagined) {
  for (const std::uint32_t at : pools_[pool].kinds) {
    if (kinds_[at].traits == traits && kinds_[at].imagined == imagined) return at;
  }
  pools_[pool].kinds.push_back(static_cast<std::uint32_t>(kinds_.size()));
  kinds_.push_back({.pool = pool, .traits = traits, .imagined = imagined});
  return static_cast<std::uint32_t>(kinds_.size() - 1);
}

Room::Answer Room::ask(std::size_t shape_index, const Kind& kind) const {
  const api::PodShape& shape = snapshot_.shapes[shape_index];
  const Pool& pool = snapshot_.pools[kind.pool];
  const bool known = kind.traits < snapshot_.traits.size();
  if (known && !tolerates_all(shape, pool, snapshot_.traits[kind.traits])) return Answer::kNo;
  if (kind.imagined && contradicts(shape, pool.selector)) return Answer::kNo;
  if (!known || (kind.imagined && names_nodes(shape))) return Answer::kYes;
  if (names_nodes(shape)) return Answer::kByNode;
  return api::selects(shape, NodeName(), snapshot_.traits[kind.traits].labels) ? Answer::kYes
                                                                               : Answer::kNo;
}

Room::Answer Room::admits_kind(std::size_t shape, std::uint32_t kind) {
  std::vector<Answer>& answers = answers_[shape];
  if (answers.size() < kinds_.size()) answers.resize(kinds_.size(), Answer::kUnasked);
  if (answers[kind] == Answer::kUnasked) answers[kind] = ask(shape, kinds_[kind]);
  return answers[kind];
}

bool Room::admits(const Need& need, std::uint32_t node) {
  const Answer answer = admits_kind(need.shape, nodes_[node].kind);
  if (answer != Answer::kByNode) return answer == Answer::kYes;
  if (node >= snapshot_.nodes.size()) return false;
  const NodeTraits& traits = snapshot_.traits[snapshot_.nodes[node].traits];
  return api::selects(snapshot_.shapes[need.shape], snapshot_.nodes[node].name, traits.labels);
}

namespace {

template <class Node>
std::int64_t slots_on(const Node& node, const Resources& need) {
  if (node.accelerators < 0) return 0;
  const std::int64_t fit = std::min({times(node.accelerators, need.accelerators.value()),
                                     times(node.cpu, need.cpu.value()),
                                     times(node.memory, need.memory.value()), kMaxPodsPerNode});
  return std::max<std::int64_t>(fit, 0);
}

}  // namespace

void Room::change(std::uint32_t index, const Need& need, std::int64_t replicas) {
  Node& node = nodes_[index];
  PoolRoom& room = pools_[node.pool];
  const std::int64_t before = std::max<std::int64_t>(node.accelerators, 0);
  node.accelerators -= need.resources.accelerators.value() * replicas;
  node.cpu -= need.resources.cpu.value() * replicas;
  node.memory -= need.resources.memory.value() * replicas;
  if (node.open) room.free_accelerators += std::max<std::int64_t>(node.accelerators, 0) - before;
  ++room.version;
}

void Room::occupy(const Need& need, const std::vector<Bound>& bound) {
  for (const Bound& at : bound)
    change(static_cast<std::uint32_t>(at.node), need, at.replicas);
}

void Room::release(const Need& need, const std::vector<Bound>& bound) {
  if (!bound.empty()) ++releases_;
  for (const Bound& at : bound)
    change(static_cast<std::uint32_t>(at.node), need, -at.replicas);
}

std::int64_t Room::slots(std::size_t pool, const Need& need) {
  PoolRoom& room = pools_[pool];
  if (room.free_accelerators < need.resources.accelerators.value()) return 0;
  if (counts_.size() <= need.id) counts_.resize(need.id + 1);
  std::vector<Count>& counts = counts_[need.id];
  if (counts.empty()) counts.resize(pools_.size());
  Count& count = counts[pool];
  if (count.version == room.version) return count.slots;
  count = {.slots = 0, .version = room.version};
  for (const std::uint32_t node : room.nodes) {
    if (!nodes_[node].open) continue;
    const std::int64_t here = slots_on(nodes_[node], need.resources);
    if (here > 0 && admits(need, node)) count.slots += here;
  }
  if (room.addable > 0 && admits_kind(need.shape, room.imagined_kind) == Answer::kYes) {
    count.slots += slots_on(room.imagined, need.resources) * room.addable;
  }
  return count.slots;
}

bool Room::fits(std::size_t pool, const Need& need, std::int64_t replicas) {
  // The pool's total is a quick "no" for the many pools that are full.
  if (pools_[pool].free_accelerators < need.resources.accelerators.value() * replicas) return false;
  return slots(pool, need) >= replicas;
}

std::int64_t Room::slots_when_empty(std::size_t pool, const Need& need) {
  const PoolRoom& room = pools_[pool];
  bool admitted = admits_kind(need.shape, room.imagined_kind) == Answer::kYes;
  for (std::size_t i = 0; i < room.nodes.size() && !admitted; ++i)
    admitted = admits(need, room.nodes[i]);
  if (!admitted) return 0;
  const std::int64_t there = static_cast<std::int64_t>(room.nodes.size()) - room.gone;
  return slots_on(room.imagined, need.resources) * std::max(snapshot_.pools[pool].max_nodes, there);
}

std::uint32_t Room::add_node(PoolRoom& room) {
  nodes_.push_back(room.imagined);
  nodes_.back().rank = static_cast<std::uint32_t>(room.nodes.size());
  --room.addable;
  room.nodes.push_back(static_cast<std::uint32_t>(nodes_.size() - 1));
  return room.nodes.back();
}

// Fills the open nodes that have exactly `level` accelerators free, as far as they take replicas.
// Returns how many it took.
std::int64_t Room::take_level(PoolRoom& room, const Need& need, std::int64_t level,
                              std::int64_t replicas, std::vector<Bound>& taken) {
  std::int64_t total = 0;
  for (std::size_t i = 0; i < room.nodes.size() && total < replicas; ++i) {
    const std::uint32_t node = room.nodes[i];
    if (!nodes_[node].open || nodes_[node].accelerators != level) continue;
    const std::int64_t here = std::min(slots_on(nodes_[node], need.resources), replicas - total);
    if (here == 0 || !admits(need, node)) continue;
    change(node, need, here);
    taken.push_back({.node = node, .replicas = here});
    total += here;
  }
  return total;
}

bool Room::take_on(std::size_t node, const Need& need) {
  const std::uint32_t index = static_cast<std::uint32_t>(node);
  if (!nodes_[index].open || slots_on(nodes_[index], need.resources) == 0) return false;
  change(index, need, 1);
  return true;
}

std::vector<Bound> Room::take(std::size_t pool, const Need& need, std::int64_t replicas) {
  std::vector<Bound> taken;
  take(pool, need, replicas, taken);
  return taken;
}

void Room::take(std::size_t pool, const Need& need, std::int64_t replicas,
                std::vector<Bound>& taken) {
  taken.clear();
  PoolRoom& room = pools_[pool];
  std::int64_t level = need.resources.accelerators.value();
  while (replicas > 0) {
    std::int64_t next = kPlenty;  // the next fuller level that there is
    for (const std::uint32_t node : room.nodes) {
      if (nodes_[node].open && nodes_[node].accelerators >= level)
        next = std::min(next, nodes_[node].accelerators);
    }
    if (next == kPlenty) break;
    replicas -= take_level(room, need, next, replicas, taken);
    level = next + 1;
  }
  while (replicas > 0 && room.addable > 0) {
    const std::int64_t here = std::min(slots_on(room.imagined, need.resources), replicas);
    if (here == 0 || admits_kind(need.shape, room.imagined_kind) != Answer::kYes) break;
    const std::uint32_t node = add_node(room);
    change(node, need, here);
    taken.push_back({.node = node, .replicas = here});
    replicas -= here;
  }
}

}  // namespace spillway::plan
