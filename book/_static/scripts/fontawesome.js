// In place of 1.5 MB: the icons are in a font that the theme loads as well.
