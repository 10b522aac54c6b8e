"""Beyond exactness: anchors and the grid."""
