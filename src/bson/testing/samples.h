#pragma once

#include <random>
#include <string>
#include <vector>

#include "bson/document.h"

namespace varve::bson::testing {

/// The whole file below tests/data; fails the test and gives nothing if it is not there.
Bytes read_data(const std::string& relative);

/// The documents that stand one after the other in `bytes`, which must be sound.
std::vector<ByteView> split_documents(ByteView bytes);

Bytes concatenate(const std::vector<Bytes>& documents);

/// One document with every type of element, nested ones too.
Document every_type();

/// A document {_id: number, filler: some random bytes of about `size`}.
Bytes random_document(std::mt19937_64& random, int64_t id, size_t size);

}  // namespace varve::bson::testing
