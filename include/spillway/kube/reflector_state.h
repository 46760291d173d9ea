#pragma once
// The reflector as a pure state machine (shape of kube-rs's watcher, error rules of client-go's
// reflector): what to ask the API server for next, and what an answer means. No I/O, no clock:
// reflector.h drives it, a unit test walks every row.
//
// Two choices of ours: lists are always paged (client-go switches paging off at a resourceVersion,
// for the watch cache's sake), because a page is what bounds our memory; and the first list is a
// consistent read, not one at "0", where the server ignores the page size.

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include <spillway/core/object.h>
#include <spillway/core/result.h>

namespace spillway::kube {

// Nothing is known, or the collection itself is gone (404: a CRD is being reinstalled; 403: the
// role was taken away). What the store holds stays: absence of the collection is not absence of its
// objects.
struct Empty {
  friend bool operator==(const Empty&, const Empty&) = default;
};
// A streaming list (WatchList, KEP-3157) fills the staging set.
struct InitialWatch {
  ResourceVersion at_least;  // empty: the newest
  bool opened = false;       // the server answered 200
  friend bool operator==(const InitialWatch&, const InitialWatch&) = default;
};
// A LIST, page by page, fills the staging set.
struct InitPage {
  ResourceVersion at_least;    // empty: consistent read
  std::string continue_token;  // empty: first page
  bool paged = true;           // false only after a continue token has expired
  friend bool operator==(const InitPage&, const InitPage&) = default;
};
// The store is complete at `version`; a watch from there has to be opened.
struct InitListed {
  ResourceVersion version;
  friend bool operator==(const InitListed&, const InitListed&) = default;
};
struct Watching {
  ResourceVersion version;
  friend bool operator==(const Watching&, const Watching&) = default;
};
using ReflectorState = std::variant<Empty, InitialWatch, InitPage, InitListed, Watching>;
std::string_view to_string(const ReflectorState& state);

// What happened.
struct Start {};
struct PageReceived {
  ResourceVersion version;
  std::string continue_token;
};
struct WatchOpened {};
enum class EventKind { kAdded, kModified, kDeleted, kBookmark, kInitialEventsEnd };
struct WatchEventSeen {
  EventKind kind;
  ResourceVersion version;
};
struct StreamEnded {        // the server closed the watch in an orderly way
  bool very_short = false;  // under a second and without an event
};
struct Inactive {
};  // nothing came for longer than three bookmarks, or the watch outlived its timeout
struct Failed {
  Error error;  // of a request, of a broken stream, or the Status of an ERROR event
};
using ReflectorInput =
    std::variant<Start, PageReceived, WatchOpened, WatchEventSeen, StreamEnded, Inactive, Failed>;

// What the driver has to do about it.
enum class StoreStep {
  kNone,
  kStage,  // put the object(s) of this input into the staging set (a DELETED event takes its object
           // out of it)
  kCommit,   // (stage what came with the input, then) make the store what the staging set holds, at
             // `version`
  kDiscard,  // drop the staging set
  kApply,    // apply the event to the store
  kObserve,  // only note the version
};

struct Transition {
  ReflectorState next;
  StoreStep store = StoreStep::kNone;
  bool back_off = false;                  // pause before the next request
  std::optional<Duration> retry_after{};  // the server's word: the pause is at least this long
  bool regressed = false;                 // with kCommit: the server's history was set back
  bool watch_list_refused = false;        // the server does not know streaming lists
  std::string_view reason{};  // why a list or watch has to be repeated; empty when it has not
};

struct ReflectorFacts {
  bool watch_list = true;        // streaming lists may be tried
  ResourceVersion last_version;  // the newest version ever committed or seen; empty at first
};

Transition transition(const ReflectorState& state, const ReflectorInput& input,
                      const ReflectorFacts& facts);

}  // namespace spillway::kube
