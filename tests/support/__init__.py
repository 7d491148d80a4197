"""What the tests share: data makers, comparers, ways to hold a server at a given step."""
