"""Street cameras: the register, their health, who watches and who turns them."""
