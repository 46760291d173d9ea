#include <spillway/kube/store.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <spillway/kube/meta.h>

namespace spillway::kube {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Thing {
  Meta meta;
  int value = 0;
  friend bool operator==(const Thing&, const Thing&) = default;
};

ObjectKey key(const char* name) {
  return {.ns = Namespace("team-a"), .name = ObjectName(name)};
}

Thing thing(const char* name, const char* version, int value = 0, const char* uid = nullptr) {
  Thing made{.value = value};
  made.meta.key = key(name);
  made.meta.uid = Uid(uid != nullptr ? std::string(uid) : std::string("uid-") + name);
  made.meta.resource_version = ResourceVersion(version);
  return made;
}

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() {
    store.set_listener([this](const ObjectKey& changed, Change what) {
      constexpr std::string_view kSigns = "+~-";
      log.push_back(std::string(1, kSigns[static_cast<std::size_t>(what)]) + changed.name.str());
    });
  }
  std::vector<std::string> take_log() { return std::exchange(log, {}); }
  void replace(std::vector<Thing> objects, const char* version, bool regressed = false) {
    store.replace_all({.objects = std::move(objects),
                       .version = ResourceVersion(version),
                       .regressed = regressed});
  }

  Store<Thing> store;
  std::vector<std::string> log;
};

TEST_F(StoreTest, ReportsWhatChanges) {
  EXPECT_TRUE(store.upsert(thing("a", "1")));
  EXPECT_TRUE(store.upsert(thing("a", "2", 7)));
  EXPECT_TRUE(store.erase(key("a"), Uid("uid-a")));
  EXPECT_THAT(log, ElementsAre("+a", "~a", "-a"));
  EXPECT_EQ(store.find(key("a")), nullptr);
}

TEST_F(StoreTest, AnOlderEventNeverOverwritesANewerWriteOfOurs) {
  store.upsert(thing("a", "99", 1));
  store.upsert(thing("a", "100", 2));  // our own write, answered before the watch told
  EXPECT_FALSE(store.upsert(thing("a", "99", 1)));
  EXPECT_FALSE(store.upsert(thing("a", "100", 1)));
  EXPECT_EQ(store.find(key("a"))->value, 2);
}

TEST_F(StoreTest, AVersionWithoutAnyOtherChangeIsTakenSilently) {
  store.upsert(thing("a", "1", 5));
  take_log();
  EXPECT_TRUE(store.upsert(thing("a", "2", 5)));
  EXPECT_THAT(log, IsEmpty());
  EXPECT_EQ(store.find(key("a"))->meta.resource_version, ResourceVersion("2"));
}

TEST_F(StoreTest, ARecreatedObjectIsAnotherOne) {
  store.upsert(thing("a", "5", 0, "first"));
  take_log();
  EXPECT_TRUE(store.upsert(thing("a", "9", 0, "second")));
  EXPECT_THAT(log, ElementsAre("-a", "+a"));
  EXPECT_FALSE(store.upsert(thing("a", "6", 0, "first"))) << "a late event of the first one";
  EXPECT_FALSE(store.erase(key("a"), Uid("first"))) << "its deletion, seen late";
  EXPECT_EQ(store.find(key("a"))->meta.uid, Uid("second"));
}

TEST_F(StoreTest, ALateEventOfAnObjectNeverSeenDoesNotReplaceItsSuccessor) {
  store.upsert(thing("a", "9", 0, "second"));  // our own create
  EXPECT_FALSE(store.upsert(thing("a", "6", 0, "first")));
  EXPECT_EQ(store.find(key("a"))->meta.uid, Uid("second"));
}

TEST_F(StoreTest, WhatWasDeletedStaysDeleted) {
  store.upsert(thing("a", "5"));
  store.erase(key("a"), Uid("uid-a"));  // our own delete was confirmed
  take_log();
  EXPECT_FALSE(store.upsert(thing("a", "6", 3)))
      << "MODIFIED, on its way when the deletion was answered";
  replace({thing("a", "6", 3)}, "6");
  EXPECT_THAT(log, IsEmpty());
  EXPECT_EQ(store.size(), 0U);
}

TEST_F(StoreTest, ADeletionIsRememberedEvenIfTheObjectWasNeverHere) {
  EXPECT_FALSE(store.erase(key("a"), Uid("uid-a")));
  EXPECT_FALSE(store.upsert(thing("a", "5")));
}

TEST_F(StoreTest, TheMemoryOfDeletionsIsBounded) {
  for (int i = 0; i < 4097; ++i)
    store.erase(key("x"), Uid("uid-" + std::to_string(i)));
  EXPECT_TRUE(store.upsert(thing("a", "5", 0, "uid-0"))) << "the oldest is forgotten";
  EXPECT_FALSE(store.upsert(thing("b", "5", 0, "uid-1")));
}

TEST_F(StoreTest, AListDropsWhatVanishedAndMarksTheStoreSynced) {
  EXPECT_FALSE(store.synced());
  store.upsert(thing("a", "1"));
  store.upsert(thing("b", "2"));
  take_log();
  replace({thing("b", "2"), thing("c", "3")}, "10");
  EXPECT_THAT(log, ElementsAre("+c", "-a"));
  EXPECT_TRUE(store.synced());
  EXPECT_EQ(store.seen_version(), ResourceVersion("10"));
}

// A kind without objects: whoever waits for all caches would otherwise wait for some other change.
TEST_F(StoreTest, TheFirstListIsReportedOnceEvenIfItIsEmpty) {
  int synced = 0;
  store.set_listener([](const ObjectKey&, Change) {},
                     [&] {
                       EXPECT_TRUE(store.synced());
                       ++synced;
                     });
  replace({}, "5");
  EXPECT_EQ(synced, 1);
  replace({}, "6");
  EXPECT_EQ(synced, 1);
}

TEST_F(StoreTest, AListDoesNotUndoWhatWasWrittenAfterIt) {
  store.upsert(thing("mine", "12", 1));
  store.upsert(thing("b", "11", 2));
  take_log();
  replace({thing("b", "9", 1)}, "10");
  EXPECT_THAT(log, IsEmpty());
  EXPECT_EQ(store.find(key("b"))->value, 2);
  EXPECT_NE(store.find(key("mine")), nullptr);
}

TEST_F(StoreTest, AnUndecodableObjectOfAListIsNotAVanishedOne) {
  store.upsert(thing("a", "1"));
  take_log();
  store.replace_all({.undecodable = {key("a")}, .version = ResourceVersion("10")});
  EXPECT_THAT(log, IsEmpty());
  EXPECT_NE(store.find(key("a")), nullptr);
}

TEST_F(StoreTest, AfterARestoredBackupTheListWinsOverEverything) {
  store.upsert(thing("a", "100", 1));
  store.upsert(thing("b", "101"));
  store.erase(key("c"), Uid("uid-c"));
  store.observe_version(ResourceVersion("101"));
  take_log();
  replace({thing("a", "50", 2), thing("c", "51")}, "60", true);
  EXPECT_THAT(log, ElementsAre("~a", "+c", "-b"));
  EXPECT_EQ(store.find(key("a"))->value, 2);
  EXPECT_EQ(store.seen_version(), ResourceVersion("60"));
}

TEST_F(StoreTest, OwnWritesDoNotMoveTheSeenVersion) {
  replace({}, "10");
  store.upsert(thing("a", "20"));
  EXPECT_EQ(store.seen_version(), ResourceVersion("10"));
  store.observe_version(ResourceVersion("9"));
  EXPECT_EQ(store.seen_version(), ResourceVersion("10"));
}

TEST_F(StoreTest, IteratesInOrderOfKeyAndSharesItsObjects) {
  store.upsert(thing("c", "1"));
  store.upsert(thing("a", "2"));
  store.upsert(thing("b", "3", 1));
  const auto snapshot = store.snapshot();
  store.upsert(thing("b", "4", 2));
  std::vector<std::string> names;
  store.for_each([&](const auto& object) { names.push_back(object->meta.key.name.str()); });
  EXPECT_THAT(names, ElementsAre("a", "b", "c"));
  EXPECT_EQ(snapshot[1]->value, 1) << "a snapshot does not change";
}

// Odd values in one group, even ones in another, negative ones in none.
std::optional<ObjectKey> parity(const Thing& one) {
  if (one.value < 0) return std::nullopt;
  return ObjectKey{.name = ObjectName(one.value % 2 == 0 ? "even" : "odd")};
}

class GroupedStoreTest : public StoreTest {
 protected:
  GroupedStoreTest() { store.group_by(&parity); }
  // Name and version of what is in a group, in its order.
  [[nodiscard]] std::vector<std::string> in(const char* group) const {
    std::vector<std::string> found;
    store.for_each_in({.name = ObjectName(group)}, [&](const auto& object) {
      found.push_back(object->meta.key.name.str() + object->meta.resource_version.str());
    });
    return found;
  }
};

TEST_F(GroupedStoreTest, AnObjectIsInItsGroupInOrderOfKey) {
  store.upsert(thing("c", "1", 1));
  store.upsert(thing("a", "2", 3));
  store.upsert(thing("b", "3", 2));
  store.upsert(thing("d", "4", -1));
  EXPECT_THAT(in("odd"), ElementsAre("a2", "c1"));
  EXPECT_THAT(in("even"), ElementsAre("b3"));
  EXPECT_THAT(in("neither"), IsEmpty());
}

TEST_F(GroupedStoreTest, AnObjectThatChangesMovesOrLeaves) {
  store.upsert(thing("a", "1", 1));
  store.upsert(thing("b", "2", 1));
  store.upsert(thing("a", "3", 2));
  EXPECT_THAT(in("odd"), ElementsAre("b2"));
  EXPECT_THAT(in("even"), ElementsAre("a3"));
  store.upsert(thing("b", "4", -1));
  EXPECT_THAT(in("odd"), IsEmpty());
  store.erase(key("a"), Uid("uid-a"));
  EXPECT_THAT(in("even"), IsEmpty());
}

TEST_F(GroupedStoreTest, AGroupHasTheLatestVersionAlsoWhereNothingElseChanged) {
  store.upsert(thing("a", "1", 1));
  store.upsert(thing("a", "2", 1));
  EXPECT_THAT(in("odd"), ElementsAre("a2"));
}

TEST_F(GroupedStoreTest, AnObjectThatIsMadeAgainIsTheOnlyOneOfItsKey) {
  store.upsert(thing("a", "1", 1, "first"));
  store.upsert(thing("a", "2", 3, "second"));
  EXPECT_THAT(in("odd"), ElementsAre("a2"));
}

TEST_F(GroupedStoreTest, AListTakesWhatItDoesNotHaveOutOfTheGroups) {
  store.upsert(thing("a", "1", 1));
  store.upsert(thing("b", "2", 1));
  replace({thing("b", "5", 2), thing("c", "6", 1)}, "9");
  EXPECT_THAT(in("odd"), ElementsAre("c6"));
  EXPECT_THAT(in("even"), ElementsAre("b5"));
  replace({thing("b", "3", 1)}, "4", true);
  EXPECT_THAT(in("odd"), ElementsAre("b3"));
  EXPECT_THAT(in("even"), IsEmpty());
}

}  // namespace
}  // namespace spillway::kube
