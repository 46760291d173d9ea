// Every row of the reflector's state machine.

#include <spillway/kube/reflector_state.h>

#include <gtest/gtest.h>

namespace spillway::kube {
namespace {

ResourceVersion rv(const char* text) {
  return ResourceVersion(text);
}
Failed failed(ErrorCode code, std::optional<Duration> retry_after = std::nullopt) {
  return {Error{.code = code, .message = "told", .retry_after = retry_after}};
}
WatchEventSeen event(EventKind kind, const char* version) {
  return {.kind = kind, .version = rv(version)};
}

const ReflectorFacts kFresh{};
const ReflectorFacts kNoWatchList{.watch_list = false};
const ReflectorFacts kSeen{.last_version = ResourceVersion("100")};

void expect(const Transition& got, const ReflectorState& next, StoreStep store, bool back_off,
            std::string_view reason) {
  EXPECT_EQ(to_string(got.next), to_string(next));
  EXPECT_TRUE(got.next == next);
  EXPECT_EQ(got.store, store);
  EXPECT_EQ(got.back_off, back_off);
  EXPECT_EQ(got.reason, reason);
}

TEST(ReflectorEmpty, StartsWithAStreamingList) {
  expect(transition(Empty{}, Start{}, kFresh), InitialWatch{}, StoreStep::kNone, false, "");
}
TEST(ReflectorEmpty, StartsWithPagesWhenStreamingListsAreOff) {
  expect(transition(Empty{}, Start{}, kNoWatchList), InitPage{}, StoreStep::kNone, false, "");
}
TEST(ReflectorEmpty, RemembersWhatItHasSeen) {
  expect(transition(Empty{}, Start{}, kSeen), InitialWatch{.at_least = rv("100")}, StoreStep::kNone,
         false, "");
}

TEST(ReflectorInitialWatch, OpensAndStagesWithoutPublishing) {
  expect(transition(InitialWatch{}, WatchOpened{}, kFresh), InitialWatch{.opened = true},
         StoreStep::kNone, false, "");
  const InitialWatch open{.opened = true};
  for (const EventKind kind : {EventKind::kAdded, EventKind::kModified, EventKind::kDeleted}) {
    expect(transition(open, event(kind, "7"), kFresh), open, StoreStep::kStage, false, "");
  }
  expect(transition(open, event(EventKind::kBookmark, "7"), kFresh), open, StoreStep::kNone, false,
         "");
}
TEST(ReflectorInitialWatch, CommitsAtTheBookmarkThatEndsTheInitialEvents) {
  const auto got =
      transition(InitialWatch{.opened = true}, event(EventKind::kInitialEventsEnd, "42"), kFresh);
  expect(got, Watching{rv("42")}, StoreStep::kCommit, false, "");
  EXPECT_FALSE(got.regressed);
}
TEST(ReflectorInitialWatch, AConsistentAnswerOlderThanWhatWasSeenIsARegression) {
  const auto consistent =
      transition(InitialWatch{.opened = true}, event(EventKind::kInitialEventsEnd, "42"), kSeen);
  EXPECT_TRUE(consistent.regressed);
  const InitialWatch cached{.at_least = rv("100"), .opened = true};
  EXPECT_FALSE(transition(cached, event(EventKind::kInitialEventsEnd, "42"), kSeen).regressed);
}
TEST(ReflectorInitialWatch, FallsBackToPagesOnAnyErrorOnceOpen) {
  const InitialWatch open{.opened = true};
  const InitPage pages{.at_least = rv("100")};
  expect(transition(open, failed(ErrorCode::kUnavailable), kSeen), pages, StoreStep::kDiscard,
         false, "unavailable");
  expect(transition(open, failed(ErrorCode::kInternal), kSeen), pages, StoreStep::kDiscard, false,
         "error");
  expect(transition(open, StreamEnded{}, kSeen), pages, StoreStep::kDiscard, false, "end");
  expect(transition(open, Inactive{}, kSeen), pages, StoreStep::kDiscard, false, "inactive");
}
TEST(ReflectorInitialWatch, StaysWhenTheServerCannotBeReachedOrThrottles) {
  for (const ErrorCode code :
       {ErrorCode::kUnavailable, ErrorCode::kThrottled, ErrorCode::kUnauthorized}) {
    const auto got = transition(InitialWatch{}, failed(code, std::chrono::seconds(3)), kFresh);
    EXPECT_TRUE(got.next == ReflectorState(InitialWatch{}));
    EXPECT_TRUE(got.back_off);
    EXPECT_EQ(got.retry_after, std::chrono::seconds(3));
  }
}
TEST(ReflectorInitialWatch, NeverTriesStreamingListsAgainOnAServerThatRefusesThem) {
  const auto got = transition(InitialWatch{}, failed(ErrorCode::kRejected), kFresh);
  expect(got, InitPage{}, StoreStep::kDiscard, false, "error");
  EXPECT_TRUE(got.watch_list_refused);
}
TEST(ReflectorInitialWatch, ListsConsistentlyWhenTheVersionIsOutOfTheWindow) {
  const InitialWatch at{.at_least = rv("100")};
  expect(transition(at, failed(ErrorCode::kExpired), kSeen), InitPage{}, StoreStep::kDiscard, false,
         "expired");
  expect(transition(at, failed(ErrorCode::kTooLargeResourceVersion), kSeen), InitPage{},
         StoreStep::kDiscard, false, "ahead");
}

TEST(ReflectorInitPage, GoesOnWithTheContinueToken) {
  expect(transition(InitPage{}, PageReceived{rv("5"), "more"}, kFresh),
         InitPage{.continue_token = "more"}, StoreStep::kStage, false, "");
}
TEST(ReflectorInitPage, CommitsTheLastPage) {
  const auto got =
      transition(InitPage{.continue_token = "more"}, PageReceived{rv("5"), ""}, kFresh);
  expect(got, InitListed{rv("5")}, StoreStep::kCommit, false, "");
  EXPECT_FALSE(got.regressed);
}
TEST(ReflectorInitPage, AConsistentListOlderThanWhatWasSeenIsARegression) {
  EXPECT_TRUE(transition(InitPage{}, PageReceived{rv("5"), ""}, kSeen).regressed);
  EXPECT_FALSE(
      transition(InitPage{.at_least = rv("99")}, PageReceived{rv("99"), ""}, kSeen).regressed);
}
TEST(ReflectorInitPage, ListsAgainWithoutLimitWhenTheTokenHasExpired) {
  const InitPage second{.at_least = rv("100"), .continue_token = "more"};
  expect(transition(second, failed(ErrorCode::kExpired), kSeen),
         InitPage{.at_least = rv("100"), .paged = false}, StoreStep::kDiscard, false, "expired");
}
TEST(ReflectorInitPage, ListsConsistentlyAtOnceWhenTheVersionIsExpiredOrAhead) {
  const InitPage at{.at_least = rv("100")};
  expect(transition(at, failed(ErrorCode::kExpired), kSeen), InitPage{}, StoreStep::kDiscard, false,
         "expired");
  expect(transition(at, failed(ErrorCode::kTooLargeResourceVersion), kSeen), InitPage{},
         StoreStep::kDiscard, false, "ahead");
}
TEST(ReflectorInitPage, DoesNotSpinWhenEvenAConsistentListExpires) {
  expect(transition(InitPage{}, failed(ErrorCode::kExpired), kSeen), InitPage{},
         StoreStep::kDiscard, true, "expired");
}
TEST(ReflectorInitPage, KeepsItsPagesWhileTheServerIsAway) {
  const InitPage second{.continue_token = "more"};
  for (const ErrorCode code : {ErrorCode::kUnavailable, ErrorCode::kThrottled,
                               ErrorCode::kUnauthorized, ErrorCode::kTimeout}) {
    const auto got = transition(second, failed(code), kFresh);
    EXPECT_TRUE(got.next == ReflectorState(second));
    EXPECT_EQ(got.store, StoreStep::kNone);
    EXPECT_TRUE(got.back_off);
  }
}
TEST(ReflectorInitPage, StartsOverAfterAnyOtherError) {
  expect(transition(InitPage{.at_least = rv("100"), .continue_token = "x"},
                    failed(ErrorCode::kInternal), kSeen),
         InitPage{}, StoreStep::kDiscard, true, "error");
}

TEST(ReflectorInitListed, WatchesFromItsVersion) {
  expect(transition(InitListed{rv("5")}, WatchOpened{}, kSeen), Watching{rv("5")}, StoreStep::kNone,
         false, "");
}

TEST(ReflectorWatching, AppliesEventsAndMovesItsVersion) {
  for (const EventKind kind : {EventKind::kAdded, EventKind::kModified, EventKind::kDeleted}) {
    expect(transition(Watching{rv("5")}, event(kind, "6"), kSeen), Watching{rv("6")},
           StoreStep::kApply, false, "");
  }
}
TEST(ReflectorWatching, ABookmarkOnlyMovesTheVersion) {
  expect(transition(Watching{rv("5")}, event(EventKind::kBookmark, "9"), kSeen), Watching{rv("9")},
         StoreStep::kObserve, false, "");
}
TEST(ReflectorWatching, ComparesVersionsAsNumbers) {
  expect(transition(Watching{rv("99")}, event(EventKind::kModified, "100"), kSeen),
         Watching{rv("100")}, StoreStep::kApply, false, "");
}
TEST(ReflectorWatching, RebuildsWhenVersionsGoBack) {
  expect(transition(Watching{rv("100")}, event(EventKind::kModified, "99"), kSeen), InitPage{},
         StoreStep::kNone, true, "regressed");
}
TEST(ReflectorWatching, RewatchesAtOnceAfterACleanEnd) {
  expect(transition(Watching{rv("5")}, StreamEnded{}, kSeen), InitListed{rv("5")}, StoreStep::kNone,
         false, "end");
}
TEST(ReflectorWatching, BacksOffAfterAVeryShortWatch) {
  expect(transition(Watching{rv("5")}, StreamEnded{.very_short = true}, kSeen), InitListed{rv("5")},
         StoreStep::kNone, true, "very-short");
}
TEST(ReflectorWatching, RewatchesWhenTheStreamFallsSilent) {
  expect(transition(Watching{rv("5")}, Inactive{}, kSeen), InitListed{rv("5")}, StoreStep::kNone,
         false, "inactive");
}

// The rows that hold for a watch whether it was refused or broke off.
class ReflectorAnyWatch : public ::testing::TestWithParam<ReflectorState> {};
TEST_P(ReflectorAnyWatch, RelistsAtTheLastVersionAfter410) {
  expect(transition(GetParam(), failed(ErrorCode::kExpired), kSeen), InitPage{.at_least = rv("5")},
         StoreStep::kNone, true, "expired");
}
TEST_P(ReflectorAnyWatch, KeepsItsVersionWhileTheServerIsAwayOrThrottles) {
  for (const ErrorCode code : {ErrorCode::kUnavailable, ErrorCode::kThrottled,
                               ErrorCode::kUnauthorized, ErrorCode::kTimeout}) {
    const auto got = transition(GetParam(), failed(code, std::chrono::seconds(7)), kSeen);
    EXPECT_TRUE(got.next == ReflectorState(InitListed{rv("5")}));
    EXPECT_EQ(got.store, StoreStep::kNone);
    EXPECT_TRUE(got.back_off);
    EXPECT_EQ(got.retry_after, std::chrono::seconds(7));
  }
}
TEST_P(ReflectorAnyWatch, AnAbsentCollectionIsNeverAnEmptyOne) {
  for (const ErrorCode code : {ErrorCode::kNotFound, ErrorCode::kForbidden}) {
    const auto got = transition(GetParam(), failed(code), kSeen);
    EXPECT_TRUE(got.next == ReflectorState(Empty{}));
    EXPECT_NE(got.store, StoreStep::kCommit);
    EXPECT_TRUE(got.back_off);
  }
}
TEST_P(ReflectorAnyWatch, ReadsConsistentlyWhenTheServerIsBehind) {
  expect(transition(GetParam(), failed(ErrorCode::kTooLargeResourceVersion), kSeen), InitPage{},
         StoreStep::kNone, true, "ahead");
}
TEST_P(ReflectorAnyWatch, RelistsWithBackoffAfterAnyOtherError) {
  for (const ErrorCode code : {ErrorCode::kInternal, ErrorCode::kRejected}) {
    expect(transition(GetParam(), failed(code), kSeen), InitPage{.at_least = rv("5")},
           StoreStep::kNone, true, "error");
  }
}
INSTANTIATE_TEST_SUITE_P(Rows, ReflectorAnyWatch,
                         ::testing::Values(ReflectorState(InitListed{ResourceVersion("5")}),
                                           ReflectorState(Watching{ResourceVersion("5")})),
                         [](const auto& row) { return std::string(to_string(row.param)); });

TEST(ReflectorAnyState, AbsenceDuringAListThrowsAwayOnlyWhatWasStaged) {
  for (const ReflectorState& state :
       {ReflectorState(InitialWatch{}), ReflectorState(InitialWatch{.opened = true}),
        ReflectorState(InitPage{})}) {
    for (const ErrorCode code : {ErrorCode::kNotFound, ErrorCode::kForbidden}) {
      const auto got = transition(state, failed(code), kSeen);
      EXPECT_TRUE(got.next == ReflectorState(Empty{}));
      EXPECT_EQ(got.store, StoreStep::kDiscard);
      EXPECT_TRUE(got.back_off);
    }
  }
}

}  // namespace
}  // namespace spillway::kube
