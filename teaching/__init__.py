"""The instructor's kit: graded homework, bug hunts, and what builds and grades them."""
