#include "cli/in_words.h"

#include <gtest/gtest.h>

namespace varve::cli {
namespace {

TEST(InWords, NamesWhatMongoUsersKnow) {
  const std::pair<const char*, const char*> cases[] = {
      {"mongodb/shop/rs0/dump/shop/orders.bson", "collection shop.orders"},
      {"/mongodb/shop/rs0/dump/shop/odd+n%2Fame.bson", "collection shop.odd n/ame"},
      {"/mongodb/shop/rs0/dump/shop/orders.metadata.json", "options and indexes of collection shop.orders"},
      {"/mongodb/shop/rs0/dump/shop/system.buckets.load.bson", "time series shop.load"},
      {"/mongodb/shop/rs0/dump/shop", "every collection of database shop"},
      {"/mongodb/shop/rs0/dump", "every collection"},
      {"/mongodb/shop/rs0/dump/oplog.bson", "the oplog of the backup's window"},
      {"/mongodb/shop/rs0/varve/manifest.json", "the backup's manifest"},
      {"/mongodb/shop/rs0/varve/keys/0123", "the index by _id of a collection"},
      {"/mongodb/shop/rs0", "/mongodb/shop/rs0"},
      {"", "everything"},
      {"home/anna/orders.bson", "/home/anna/orders.bson"},
      {"/home/anna/100%.bson", "/home/anna/100%.bson"},
      {"/mongodb/shop/rs0/dump/shop/100%.bson", "collection shop.100%"},
  };
  for (const auto& [path, words] : cases) EXPECT_EQ(in_words(path), words);
}

}  // namespace
}  // namespace varve::cli
