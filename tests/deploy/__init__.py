"""What is shipped: the image, the manifests and the alerts."""
