"""Pictures for sicore: data, a U-Net, metrics, rendering and a trained model."""
