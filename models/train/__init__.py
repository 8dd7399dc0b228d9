"""Training of vegad's model bundles: data, networks, losses, export. Run as `python -m train.nano` from models/."""
