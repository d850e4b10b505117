"""What can be broken: `catalogue` says what there is, `acts` do it, `control` switches them on and off."""
