"""What is kept of pictures: clips of cameras, photos and files from a scene, video while it is filmed."""
